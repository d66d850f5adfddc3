/** Secrets come from files, standard input or a prompt, never from an argument. */
import { open } from "node:fs/promises";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { meaningOf } from "../transfer/local-error.ts";

/** What the file holds, without the line end behind it; `-` is standard input. `flag` names it in errors. */
export async function readSecretFile(path: string, flag: string, stdin: AsyncIterable<Uint8Array>): Promise<string> {
  const bytes = await readBytesFile(path, flag, stdin, LIMITS.cli.maxSecretFileBytes);
  const text = bytes.toString("utf8").replace(/\r?\n$/, "");
  if (text === "") throw new SkerryError("invalid", `What ${flag} names is empty.`);
  if (/[\u0000-\u001f\u007f]/.test(text)) {
    throw new SkerryError("invalid", `What ${flag} names is more than one line of text.`, {
      hint: "The file holds the secret alone.",
    });
  }
  return text;
}

/** All of the file, at most `maxBytes`; `-` is standard input. @throws `not_found`, `forbidden`, `invalid/too-large`. */
export async function readBytesFile(
  path: string,
  flag: string,
  stdin: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<Buffer> {
  return path === "-" ? readBounded(stdin, flag, maxBytes) : readFileBounded(path, flag, maxBytes);
}

async function readFileBounded(path: string, flag: string, maxBytes: number): Promise<Buffer> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, "r");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const id = code === "ENOENT" ? "not_found" : "forbidden";
    throw new SkerryError(id, `The file of ${flag}, ${path}, cannot be read: ${meaningOf(code)}.`, { cause: error });
  }
  try {
    return await readBounded(file.createReadStream({ autoClose: false }), flag, maxBytes);
  } catch (error) {
    if (error instanceof SkerryError) throw error;
    throw new SkerryError(
      "invalid",
      `The file of ${flag}, ${path}, cannot be read: ${meaningOf((error as NodeJS.ErrnoException).code)}.`,
    );
  } finally {
    await file.close();
  }
}

async function readBounded(source: AsyncIterable<Uint8Array>, flag: string, maxBytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of source) {
    parts.push(part);
    sizeBytes += part.length;
    if (sizeBytes > maxBytes) {
      throw new SkerryError(
        "invalid/too-large",
        `What ${flag} names has more than the ${maxBytes} bytes that it may have.`,
      );
    }
  }
  return Buffer.concat(parts);
}
