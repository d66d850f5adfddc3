/** A file as a tar, as files of containers go over the API, and back. */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract, type Header, pack } from "tar-stream";
import { SkerryError } from "../domain/errors.ts";

export interface OneFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** Permissions, e.g. 0o644. */
  readonly mode: number;
  readonly modifiedMs: number;
  /** As many bytes as `sizeBytes` says. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

export async function* tarOfFile({ name, sizeBytes, mode, modifiedMs, bytes }: OneFile): AsyncGenerator<Uint8Array> {
  const output = pack();
  const header = { name, size: sizeBytes, mode, mtime: new Date(modifiedMs) };
  const writing = pipeline(Readable.from(bytes), output.entry(header)).then(() => output.finalize());
  writing.catch((error: unknown) => output.destroy(error as Error));
  yield* output as AsyncIterable<Uint8Array>;
  await writing;
}

/** Hands the only file of a tar to `take`, which reads it to its end. @throws `invalid` for anything else. */
export async function takeFile(
  tar: AsyncIterable<Uint8Array>,
  take: (file: Omit<OneFile, "name">) => Promise<void>,
): Promise<void> {
  const archive = extract();
  const feeding = pipeline(Readable.from(tar), archive);
  feeding.catch(() => undefined); // the loop below hears of it
  let taken = false;
  for await (const entry of archive as AsyncIterable<unknown> as AsyncIterable<
    AsyncIterable<Uint8Array> & { header: Header }
  >) {
    const { type, size = 0, mode = 0o644, mtime, linkname } = entry.header;
    if (taken || type !== "file") {
      throw new SkerryError("invalid", `It is ${type === "symlink" ? `a link to ${linkname}` : "no plain file"}.`, {
        hint: "Copy one file at a time; a folder goes as a tar: skerry exec NAME -- tar -c FOLDER",
      });
    }
    taken = true;
    await take({ sizeBytes: size, mode: mode & 0o777, modifiedMs: mtime?.getTime() ?? 0, bytes: entry });
  }
  await feeding;
  if (!taken) throw new SkerryError("invalid", "There is no file in it.");
}
