/** A file that a person named, to be read from its beginning to its end. What goes wrong names it. */
import { open } from "node:fs/promises";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { localError } from "./local-error.ts";

export interface OpenFile extends AsyncDisposable {
  /** To be read once. @throws errors that name the file. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Plain files, pipes and devices. `wanted` says what it should be. @throws `not_found`, `forbidden`, `invalid`. */
export async function openFile(path: string, wanted: string): Promise<OpenFile> {
  const handle = await open(path, "r").catch((error: unknown) => {
    throw localError(error, path);
  });
  try {
    if ((await handle.stat()).isDirectory()) {
      throw new SkerryError("invalid", `${path} is a folder.`, { hint: `Name a file: ${wanted}.` });
    }
  } catch (error) {
    await handle.close();
    throw localError(error, path);
  }
  const bytes = async function* () {
    try {
      yield* handle.createReadStream({ highWaterMark: LIMITS.cli.readBytes, autoClose: false });
    } catch (error) {
      throw localError(error, path);
    }
  };
  return { bytes: bytes(), [Symbol.asyncDispose]: () => handle.close() };
}
