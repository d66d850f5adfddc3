/** `skerry cp` of a single file or object. */
import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import type { Invocation } from "../commands/command.ts";
import { plainText } from "../output/escape.ts";
import { Progress } from "../output/progress.ts";
import { writeAll } from "../output/terminal.ts";
import { assertKey, baseName, formatAddress, type ObjectAddress, type Place } from "./address.ts";
import { copyObject } from "./copy-object.ts";
import { mediaType } from "./media-type.ts";
import { explainMissing } from "./missing.ts";
import { endReading, lookAtObject, type OpenObject, openObject } from "./read-object.ts";
import { safeSegments } from "./safe-path.ts";
import { copyChecked, resolveTarget, type SaveOptions, saveObject, writeThrough } from "./save-object.ts";
import { sendBytes, sendFile } from "./send-file.ts";
import { labelOf, summary } from "./summary.ts";

export interface CopyFlags {
  /** Content type of the object. */
  readonly type: string | undefined;
  /** Bytes to a terminal as they are. */
  readonly raw: boolean;
}

export async function copyOne(invocation: Invocation, from: Place, to: Place, flags: CopyFlags): Promise<void> {
  const { terminal, output } = invocation;
  using progress = new Progress(terminal, labelOf(from), { quiet: output.quiet });
  const copy = { invocation, flags, progress };
  if (from.at === "bucket" && to.at === "stdio") {
    // Standard output belongs to the bytes.
    await print(copy, from);
    return;
  }
  const copying = to.at === "bucket" ? upload(copy, from, to) : download(copy, from, to);
  const [name, value] = await copying.catch((error: unknown) => {
    progress.clear();
    if (invocation.signal.aborted) output.note(`interrupted: ${whatIsLeft(to, progress.complete)}`);
    throw error;
  });
  progress.clear();
  output.note(`${name}: ${summary(progress.bytes, progress.elapsedSeconds)}`);
  if (output.format !== "table") await output.done("object", name, "copied", value);
}

/** An upload that has been handed over whole may have been stored, though nobody heard of it. */
function whatIsLeft(to: Place, complete: boolean): string {
  if (to.at !== "bucket") return `nothing was stored at ${to.at === "here" ? to.path : "-"}`;
  const address = formatAddress(to);
  return complete ? `whether it was stored at ${address} is not known` : `nothing was stored at ${address}`;
}

interface Copy {
  readonly invocation: Invocation;
  readonly flags: CopyFlags;
  readonly progress: Progress;
}

async function upload(
  { invocation, flags, progress }: Copy,
  from: Place,
  to: ObjectAddress,
): Promise<[name: string, value: unknown]> {
  const { terminal, signal } = invocation;
  const address = { bucket: to.bucket, key: to.key };
  if (address.key === "" || address.key.endsWith("/")) {
    if (from.at === "stdio")
      throw new SkerryError("invalid", `What comes from - needs a whole key behind ${formatAddress(to)}`);
    address.key += from.at === "here" ? basename(from.path) : baseName(from.key);
  }
  assertKey(address);
  const client = await invocation.client();
  const onBytes = (bytes: number) => progress.add(bytes);
  if (from.at === "bucket") {
    assertKey(from);
    const { sizeBytes } = await source(client, from, signal, lookAtObject);
    progress.setTotal(sizeBytes);
    return [formatAddress(address), await copyObject(from, address, { client, signal, onBytes })];
  }
  const contentType = flags.type ?? mediaType(from.at === "here" ? from.path : address.key);
  const options = { client, address, contentType, signal, onBytes };
  const stored =
    from.at === "here"
      ? await sendFile(from.path, true, { ...options, onSize: (bytes) => progress.setTotal(bytes) })
      : await sendBytes(untilAborted(terminal.stdin, signal, progress), undefined, options);
  return [formatAddress(address), stored];
}

/** Standard input that ends when the user does. */
async function* untilAborted(
  stdin: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  progress: Progress,
): AsyncGenerator<Uint8Array> {
  for await (const part of stdin) {
    signal.throwIfAborted();
    yield part;
  }
  progress.setTotal(progress.bytes);
}

async function download(
  { invocation, progress }: Copy,
  from: Place,
  to: Place,
): Promise<[name: string, value: unknown]> {
  if (from.at !== "bucket" || to.at !== "here") throw new SkerryError("internal", "Nothing to copy from.");
  assertKey(from);
  const { signal } = invocation;
  const address = { bucket: from.bucket, key: from.key };
  const object = await source(await invocation.client(), address, signal, openObject);
  try {
    const target = await chooseFile(address, to.path);
    progress.setTotal(object.sizeBytes);
    await save(object, target, { address, onBytes: (bytes: number) => progress.add(bytes) });
    const { sizeBytes, etag, contentType } = object;
    return [target.path, { path: target.path, ...address, sizeBytes, etag, contentType }];
  } finally {
    await endReading(object);
  }
}

async function save(object: OpenObject, target: TargetFile, options: SaveOptions): Promise<void> {
  try {
    if (target.special) await writeThrough(object, target.path, options);
    else await saveObject(object, target.path, options);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTDIR") throw error;
    const folder = dirname(target.path);
    const made = await stat(folder).catch(() => undefined);
    if (made?.isDirectory() === true) {
      throw new SkerryError("forbidden", `${target.path} cannot be made: the folder ${folder} takes no files.`, {
        hint: "Choose another place.",
        cause: error,
      });
    }
    throw new SkerryError("not_found", `There is no folder ${folder} to put it into.`, {
      hint: code === "ENOENT" ? `Make it first: mkdir -p ${folder}` : "A file stands where a folder is needed.",
      cause: error,
    });
  }
}

/** Before anything is said of the target: when the source is missing, that is what is wrong. */
function source<T>(
  client: Client,
  { bucket, key }: ObjectAddress,
  signal: AbortSignal,
  read: (client: Client, address: ObjectAddress, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const address = { bucket, key };
  const folderHint = (folder: string) => `Say -r to copy all of it: skerry cp -r ${folder} TO`;
  return explainMissing(read(client, address, signal), { client, address, signal, folderHint });
}

interface TargetFile {
  readonly path: string;
  readonly special: boolean;
}

async function chooseFile(address: ObjectAddress, path: string): Promise<TargetFile> {
  const found = await resolveTarget(path);
  if (found.kind !== "folder" && !path.endsWith("/")) return { path: found.path, special: found.kind === "special" };
  const name = baseName(address.key);
  safeSegments(name);
  const inside = await resolveTarget(join(path, name));
  if (inside.kind === "file") return { path: inside.path, special: false };
  throw new SkerryError("invalid", `${inside.path} is ${inside.kind === "folder" ? "a folder" : "not a plain file"}.`);
}

/** To standard output; a terminal gets no control characters unless that is asked for. */
async function print({ invocation, flags }: Copy, from: ObjectAddress): Promise<void> {
  assertKey(from);
  const { terminal, signal } = invocation;
  const address = { bucket: from.bucket, key: from.key };
  const object = await source(await invocation.client(), address, signal, openObject);
  const { stdout } = terminal;
  const decoder = stdout.isTTY && !flags.raw ? new TextDecoder() : undefined;
  await copyChecked(object, { address, onBytes: () => undefined }, async (parts) => {
    for (const part of parts) {
      await writeAll(stdout, decoder === undefined ? part : plainText(decoder.decode(part, { stream: true })));
    }
  });
}
