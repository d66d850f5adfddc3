/**
 * Answers as files that all workers of a node read: `ROUTE/PATH-KEY`, each part a hash. A file is written beside its place and then
 * put there in one step; who wrote it counts it, and takes it away when it has too many.
 */
import { createHash } from "node:crypto";
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync, renameSync } from "node:fs";
import { open, readdir, readFile, rm, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isPurged, type Kept } from "../response-cache.ts";
import type { Place } from "./common-cache.ts";
import { decodeEntry, encodeEntry, type FileHead, HEAD_BYTES, readFileHead, readRouteAndUri } from "./entry-file.ts";

export interface ShelfOptions {
  readonly directory: string;
  /** Which of the workers this one is: it counts, and removes, the files that it has written. */
  readonly slot: number;
  /** Of the files of this worker. Beyond: the oldest go. */
  readonly maxBytes: number;
  readonly maxFiles: number;
  /** What the machine's monotonic clock is ahead of the process'. */
  readonly originMs: number;
  /** Of what is being written at once. Beyond: it is not saved. */
  readonly maxSavingBytes: number;
}

interface Saving {
  readonly route: string;
  readonly uri: string;
  isDoomed: boolean;
}

export class Shelf {
  failures = 0;
  readonly #options: ShelfOptions;
  /** Written by this worker, the oldest first, with their bytes. */
  readonly #own = new Map<string, number>();
  readonly #saving = new Set<Saving>();
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #ownBytes = 0;
  #savingBytes = 0;
  #count = 0;

  constructor(options: ShelfOptions) {
    this.#options = options;
  }

  /** Of the files of this worker. */
  get bytes(): number {
    return this.#ownBytes;
  }

  /** Undefined: it is not there, torn, or fresh for no longer than until `newerThanMs`. */
  read(place: Place, key: string, newerThanMs: number): Kept | undefined {
    const path = this.#pathOf(nameOf(place, key));
    if (!existsSync(path)) return undefined;
    let file: number | undefined;
    try {
      file = openSync(path, "r");
      const head = this.#headOf(file);
      // What it says of its own length is not believed before its length says so, too.
      if (head === undefined || fstatSync(file).size !== head.bytes) return this.#fail();
      if (head.freshUntilMs <= newerThanMs) return undefined;
      const bytes = Buffer.allocUnsafeSlow(head.bytes);
      if (readSync(file, bytes, 0, head.bytes, 0) !== head.bytes) return this.#fail();
      return decodeEntry(bytes, key, this.#options.originMs) ?? this.#fail();
    } catch (error) {
      // It may have gone meanwhile.
      return isMissing(error) ? undefined : this.#fail();
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  #fail(): undefined {
    this.failures++;
    return undefined;
  }

  #headOf(file: number): FileHead | undefined {
    const count = readSync(file, this.#head, 0, HEAD_BYTES, 0);
    return readFileHead(this.#head.subarray(0, count), this.#options.originMs);
  }

  /** Never rejects. */
  async write(place: Place, key: string, kept: Kept): Promise<void> {
    const { slot, originMs, maxSavingBytes, maxBytes, directory } = this.#options;
    const [head, body] = encodeEntry(key, kept, slot, originMs);
    const bytes = head.length + body.length;
    if (bytes > maxBytes || this.#savingBytes + bytes > maxSavingBytes) return;
    const saving = { route: kept.route, uri: kept.uri, isDoomed: false };
    this.#saving.add(saving);
    this.#savingBytes += bytes;
    const beside = join(directory, `${besideOf(slot)}${this.#count++}`);
    try {
      await using file = await open(beside, "wx", 0o600);
      await file.writev([head, body]);
      // In one step with the question whether it may be there still: nobody is told of a purge between them.
      if (saving.isDoomed) await unlink(beside);
      else this.#put(beside, nameOf(place, key), bytes);
    } catch {
      this.failures++;
      await unlink(beside).catch(() => undefined);
    } finally {
      this.#saving.delete(saving);
      this.#savingBytes -= bytes;
    }
  }

  #put(beside: string, name: string, bytes: number): void {
    const path = this.#pathOf(name);
    try {
      renameSync(beside, path);
    } catch (error) {
      if (!isMissing(error)) throw error;
      makeDirectory(dirname(path));
      renameSync(beside, path);
    }
    this.#keepCount(name, bytes);
  }

  #keepCount(name: string, bytes: number): void {
    const { maxBytes, maxFiles } = this.#options;
    this.#ownBytes += bytes - (this.#own.get(name) ?? 0);
    this.#own.delete(name);
    this.#own.set(name, bytes);
    for (const [oldest, its] of this.#own) {
      if (this.#ownBytes <= maxBytes && this.#own.size <= maxFiles) return;
      this.#own.delete(oldest);
      this.#ownBytes -= its;
      if (this.#isMine(oldest)) void unlink(this.#pathOf(oldest)).catch(() => undefined);
    }
  }

  /** Another worker may have put a newer one in its place. */
  #isMine(name: string): boolean {
    let file: number | undefined;
    try {
      file = openSync(this.#pathOf(name), "r");
      return this.#headOf(file)?.owner === this.#options.slot;
    } catch {
      return false;
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  /** What is being written of a route is not to come; of this path, or of all that begin so. */
  purge(route: string, path: string | undefined): void {
    for (const one of this.#saving) if (isPurged(one, route, path)) one.isDoomed = true;
  }

  /** Takes over what the worker has written that was this one before. @throws what the file system says. */
  async adopt(): Promise<void> {
    const { directory, slot } = this.#options;
    for (const route of await readdir(directory)) {
      // What it was about to write.
      if (route.startsWith(besideOf(slot))) await unlink(join(directory, route)).catch(() => undefined);
      if (!IS_HASH.test(route)) continue;
      for (const file of await readdir(join(directory, route))) {
        const name = join(route, file);
        if (this.#own.has(name)) continue;
        // It may have gone meanwhile.
        const said = await headOf(join(directory, name)).catch(() => undefined);
        if (said?.owner === slot && !this.#own.has(name)) this.#keepCount(name, said.bytes);
      }
    }
  }

  #pathOf(name: string): string {
    return join(this.#options.directory, name);
  }
}

/** Files of a route go; of this path, or of all that begin so when it ends with `*`. Absent: all. @throws what the file system says. */
export async function purgeShelf(directory: string, route: string, path: string | undefined): Promise<void> {
  const of = join(directory, hash(route));
  if (path === undefined) return rm(of, { recursive: true, force: true, maxRetries: 3 });
  const files = await readdir(of).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  for (const file of files) {
    const isGone = path.endsWith("*") ? await isBelow(join(of, file), route, path) : file.startsWith(`${hash(path)}-`);
    if (isGone) await unlink(join(of, file)).catch(() => undefined);
  }
}

/** What cannot be read is of no use either. */
async function isBelow(file: string, route: string, path: string): Promise<boolean> {
  const bytes = await readFile(file).catch(() => undefined);
  const said = bytes && readRouteAndUri(bytes);
  return said === undefined || isPurged(said, route, path);
}

async function headOf(path: string): Promise<FileHead | undefined> {
  await using file = await open(path);
  const head = Buffer.alloc(HEAD_BYTES);
  const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0);
  return readFileHead(head.subarray(0, bytesRead), 0);
}

/** Not those above it: they are gone when nobody wants any of it. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another worker was faster.
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}

const IS_HASH = /^[0-9a-f]{40}$/;

function besideOf(slot: number): string {
  return `new-${slot}-`;
}

function nameOf({ route, path }: Place, key: string): string {
  return join(hash(route), `${hash(path)}-${hash(key)}`);
}

function hash(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
