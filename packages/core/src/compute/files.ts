/** Files into and out of containers, as tars. The engine resolves paths and links within the container. */
import { posix } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract, type Header, pack } from "tar-stream";
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Engine } from "./engine.ts";

const { maxCopyBytes, maxCopyEntries } = LIMITS.compute;

interface Entry extends AsyncIterable<Uint8Array> {
  readonly header: Header;
  resume(): void;
}

export interface Copied {
  readonly files: number;
  readonly sizeBytes: number;
}

/**
 * A file or folder as a tar. `id`: the engine's. Breaks off after `LIMITS.compute.maxCopyBytes`.
 * @throws `not_found` (the path), as the engine.
 */
export async function readFiles(
  engine: Engine,
  id: string,
  path: string,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const bytes = await engine.readFiles(id, path, signal);
  return (async function* () {
    let sizeBytes = 0;
    for await (const part of bytes) {
      sizeBytes += part.length;
      if (sizeBytes > maxCopyBytes) throw tooLarge();
      yield part;
    }
  })();
}

/**
 * Writes the files of a tar into a folder that is there. The engine gets a tar of our own, of what was understood here.
 * @throws `invalid` (no tar, links, devices, paths that lead out), `invalid/too-large`, `not_found` (the folder), as the engine.
 */
export async function writeFiles(
  engine: Engine,
  id: string,
  folder: string,
  tar: AsyncIterable<Uint8Array>,
): Promise<Copied> {
  const copied = { files: 0, sizeBytes: 0 };
  let failure: unknown;
  const checked = (async function* () {
    try {
      yield* rewritten(tar, copied);
    } catch (error) {
      failure = asRefusal(error);
      throw error;
    }
  })();
  try {
    await engine.writeFiles(id, folder, checked);
  } catch (error) {
    // What is wrong with the tar reaches the engine as a request that breaks off.
    throw failure ?? error;
  }
  return copied;
}

async function* rewritten(
  tar: AsyncIterable<Uint8Array>,
  copied: { files: number; sizeBytes: number },
): AsyncGenerator<Uint8Array> {
  const output = pack();
  const writing = (async () => {
    const archive = extract();
    const feeding = pipeline(Readable.from(tar), archive);
    feeding.catch(() => undefined); // the loop below hears of it
    for await (const entry of archive as AsyncIterable<unknown> as AsyncIterable<Entry>) {
      await copyEntry(entry, output, copied);
    }
    await feeding;
    output.finalize();
  })();
  writing.catch((error: unknown) => output.destroy(error as Error));
  yield* output as AsyncIterable<Uint8Array>;
  await writing;
}

async function copyEntry(
  entry: Entry,
  output: ReturnType<typeof pack>,
  copied: { files: number; sizeBytes: number },
): Promise<void> {
  const { type, size = 0, mode = 0o644, mtime } = entry.header;
  const name = posix.normalize(entry.header.name).replace(/\/$/, "");
  if (type !== "file" && type !== "directory") throw refused(`${JSON.stringify(name)} is a ${type}`);
  if (name === "" || name.startsWith("/") || name === ".." || name.startsWith("../") || name.includes("\0")) {
    throw refused(`${JSON.stringify(name.slice(0, 200))} leads out of the folder`);
  }
  copied.files++;
  copied.sizeBytes += size;
  if (copied.files > maxCopyEntries || copied.sizeBytes > maxCopyBytes) throw tooLarge();
  // No bits that would give the owner's rights to who runs it.
  const header = { name, type, mode: mode & 0o777, ...(mtime === undefined ? {} : { mtime }) };
  if (type === "file") return pipeline(Readable.from(entry), output.entry({ ...header, size }));
  if (name !== ".") output.entry(header);
  entry.resume();
}

function asRefusal(error: unknown): SkerryError {
  return error instanceof SkerryError ? error : refused("it is damaged, or no tar file", error);
}

function refused(why: string, cause?: unknown): SkerryError {
  return new SkerryError("invalid", `These files cannot be copied: ${why}.`, cause === undefined ? {} : { cause });
}

function tooLarge(): SkerryError {
  return new SkerryError(
    "invalid/too-large",
    `At most ${maxCopyBytes} bytes in ${maxCopyEntries} files are copied at once.`,
  );
}
