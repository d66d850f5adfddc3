/** An object into a file: whole and checked, or not at all. */
import { createHash } from "node:crypto";
import { lstat, open, realpath, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { formatAddress, type ObjectAddress } from "./address.ts";
import { Directory } from "./directory.ts";
import type { OpenObject } from "./read-object.ts";
import { type HeldTarget, holdTarget } from "./safe-path.ts";
import { createTemporary } from "./temporary.ts";

export interface SaveOptions {
  readonly address: ObjectAddress;
  readonly onBytes: (bytes: number) => void;
}

/** Parts are gathered up to this before a write. */
const WRITE_BYTES = 1024 * 1024;

/** Into a file that a person named. Its folder may be a link. @throws what `saveInto` throws. */
export async function saveObject(object: OpenObject, path: string, options: SaveOptions): Promise<void> {
  await using directory = await Directory.open(dirname(path));
  await using target = await holdTarget(directory, [basename(path)]);
  await saveInto(object, target, options);
}

/**
 * Into a temporary file beside the target, synced, length and MD5 checked, then put in its place.
 * @throws what reading throws; `invalid` when the way to the target has changed; errors of the file system as they are.
 */
export async function saveInto(object: OpenObject, target: HeldTarget, options: SaveOptions): Promise<void> {
  await using file = await createTemporary(target);
  const write = async (parts: readonly Uint8Array[]) => {
    await file.handle.writev(parts as Uint8Array[]);
  };
  await copyChecked(object, options, write);
  await file.commit();
}

/** Where a file that a person named really goes: through links, and not by replacing what is no plain file. */
export async function resolveTarget(path: string): Promise<{ path: string; kind: "file" | "folder" | "special" }> {
  const link = await lstat(path).catch(ignoreMissing);
  if (link === undefined) return { path, kind: "file" };
  const found = await stat(path).catch(ignoreMissing);
  if (found === undefined) {
    throw new SkerryError("invalid", `${path} is a link to nothing.`, { hint: "Remove it first." });
  }
  if (found.isDirectory()) return { path, kind: "folder" };
  if (!found.isFile()) return { path, kind: "special" };
  return { path: link.isSymbolicLink() ? await realpath(path) : path, kind: "file" };
}

/** Into a device, a pipe: written as it comes. */
export async function writeThrough(object: OpenObject, path: string, options: SaveOptions): Promise<void> {
  await using handle = await open(path, "w");
  await copyChecked(object, options, async (parts) => {
    await handle.writev(parts as Uint8Array[]);
  });
}

/** Hands the bytes on, in pieces of a good size, and checks what has come. */
export async function copyChecked(
  object: OpenObject,
  { address, onBytes }: SaveOptions,
  write: (parts: readonly Uint8Array[]) => Promise<void>,
): Promise<void> {
  const hash = createHash("md5");
  let parts: Uint8Array[] = [];
  let waiting = 0;
  for await (const part of object.bytes) {
    hash.update(part);
    onBytes(part.length);
    parts.push(part);
    waiting += part.length;
    if (waiting < WRITE_BYTES) continue;
    await write(parts);
    parts = [];
    waiting = 0;
  }
  if (waiting > 0) await write(parts);
  if (hash.digest("hex") === object.etag) return;
  throw new SkerryError("internal/corrupt", `What came of ${formatAddress(address)} does not fit its ETag.`, {
    hint: "It was damaged on the way, and nothing was kept of it. Try again.",
  });
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
