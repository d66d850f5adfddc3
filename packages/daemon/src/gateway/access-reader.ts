/**
 * Reads the access logs of all workers as one: the newest lines by time, then what comes. The files are rotated and cut by
 * the workers meanwhile; a line that is not whole, or no JSON, is none.
 */
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { Clock } from "@skerry/core/domain/ports.ts";

const { accessFiles, accessFollowBytes, accessFollowMs, maxAccessLineBytes, maxAccessScanBytes } = LIMITS.gateway;
const CHUNK_BYTES = 64 * 1024;
const LF = 0x0a;

/** What decides about a line; `text` is the line as it was written: JSON in ASCII. */
export interface AccessLine {
  readonly text: string;
  readonly time: string;
  /** Uids. Absent: no route was found. */
  readonly route?: string;
  readonly project?: string;
  readonly status?: number;
  readonly error?: string;
  readonly host?: string;
}

export interface AccessReaderOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** So many of the newest lines that are wanted. */
  readonly tail: number;
  /** Goes on until the signal aborts. */
  readonly follow: boolean;
  readonly wants: (line: AccessLine) => boolean;
}

/** Parts of whole lines, each with its line break. */
export async function* readAccessLog(options: AccessReaderOptions): AsyncGenerator<Uint8Array> {
  const { directory, clock, signal, follow } = options;
  const files = new Map<string, Follower>();
  try {
    const found: AccessLine[] = [];
    for (const name of await namesIn(directory)) {
      const { lines, follower } = await tailOf(join(directory, name), options);
      found.push(...lines);
      if (follower !== undefined) files.set(name, follower);
    }
    yield* inOrder(options.tail === 0 ? [] : found.toSorted(byTime).slice(-options.tail));
    while (follow && !signal.aborted) {
      for (const name of await namesIn(directory)) {
        if (!files.has(name)) files.set(name, new Follower(join(directory, name)));
      }
      const news: AccessLine[] = [];
      let isAll = true;
      for (const file of files.values()) {
        const taken = await file.next();
        isAll &&= taken.isAll;
        news.push(...taken.lines.filter(options.wants));
      }
      yield* inOrder(news.toSorted(byTime));
      if (isAll) await clock.sleep(accessFollowMs, signal).catch(() => undefined);
    }
  } finally {
    for (const file of files.values()) await file.close();
  }
}

function* inOrder(lines: readonly AccessLine[]): Generator<Uint8Array> {
  if (lines.length > 0) yield Buffer.from(`${lines.map(({ text }) => text).join("\n")}\n`, "latin1");
}

function byTime(a: AccessLine, b: AccessLine): number {
  return a.time < b.time ? -1 : a.time > b.time ? 1 : 0;
}

async function namesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names.filter((name) => /^access-\d{1,3}\.log$/.test(name)).toSorted();
}

function agedName(path: string, age: number): string {
  return age === 0 ? path : `${path}.${age}`;
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  return open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}

function parsed(text: string): AccessLine | undefined {
  try {
    const line = JSON.parse(text) as AccessLine;
    return typeof line.time === "string" ? { ...line, text } : undefined;
  } catch {
    return undefined;
  }
}

function linesOf(bytes: Buffer): AccessLine[] {
  if (bytes.length === 0) return [];
  return bytes
    .toString("latin1")
    .split("\n")
    .flatMap((text) => (text === "" ? [] : (parsed(text) ?? [])));
}

/** The newest wanted lines of one worker, and who goes on behind them. */
async function tailOf(
  path: string,
  { tail, wants }: AccessReaderOptions,
): Promise<{ lines: AccessLine[]; follower: Follower | undefined }> {
  const lines: AccessLine[] = [];
  const seen = new Set<number>();
  let follower: Follower | undefined;
  let budget: number = maxAccessScanBytes;
  // From the newest: what is rotated meanwhile is met again under another name.
  for (let age = 0; age < accessFiles && (age === 0 || (lines.length < tail && budget > 0)); age++) {
    const handle = await openIfThere(agedName(path, age));
    if (handle === undefined) continue;
    const { ino, size } = await handle.stat();
    const isNew = !seen.has(ino);
    seen.add(ino);
    let end = isNew ? await wholeEnd(handle, size) : 0;
    if (age === 0) follower = new Follower(path, { handle, ino, offset: end });
    while (end > 0 && lines.length < tail && budget > 0) {
      const from = Math.max(0, end - CHUNK_BYTES);
      const bytes = await readRange(handle, from, end);
      // What stands before the first line break is the end of a line that begins earlier.
      const begin = from === 0 ? 0 : bytes.indexOf(LF) + 1;
      const wanted = linesOf(bytes.subarray(begin)).filter(wants);
      lines.unshift(...wanted.slice(-(tail - lines.length)));
      budget -= end - from;
      end = begin === bytes.length ? from : from + begin;
    }
    if (age > 0) await handle.close();
  }
  return { lines, follower };
}

/** The place behind the last line break. */
async function wholeEnd(handle: FileHandle, size: number): Promise<number> {
  const from = Math.max(0, size - maxAccessLineBytes);
  return from + (await readRange(handle, from, size)).lastIndexOf(LF) + 1;
}

async function readRange(handle: FileHandle, from: number, to: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(to - from);
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await handle.read(bytes, done, bytes.length - done, from + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

interface Place {
  readonly handle: FileHandle;
  readonly ino: number;
  offset: number;
}

/** Takes the lines of one worker as they come, over rotations. */
class Follower {
  readonly #path: string;
  /** Older files that are to be read to their end before the present one; the oldest first. */
  readonly #places: Place[] = [];

  constructor(path: string, place?: Place) {
    this.#path = path;
    if (place !== undefined) this.#places.push(place);
  }

  /** `isAll` false: there is more at once. */
  async next(): Promise<{ lines: AccessLine[]; isAll: boolean }> {
    const lines: AccessLine[] = [];
    let left: number = accessFollowBytes;
    await this.#findNewer();
    for (;;) {
      const [place] = this.#places;
      if (place === undefined || left <= 0) return { lines, isAll: place === undefined };
      const { size } = await place.handle.stat();
      // Cut and begun anew under the same name.
      if (size < place.offset) place.offset = 0;
      const bytes = await readRange(place.handle, place.offset, Math.min(size, place.offset + CHUNK_BYTES));
      const whole = bytes.lastIndexOf(LF) + 1;
      lines.push(...linesOf(bytes.subarray(0, whole)));
      place.offset += whole;
      left -= whole;
      if (whole > 0) continue;
      // A torn end of a file that nobody writes to any more is left.
      if (this.#places.length === 1) return { lines, isAll: true };
      this.#places.shift();
      await place.handle.close();
    }
  }

  async close(): Promise<void> {
    for (const { handle } of this.#places.splice(0)) await handle.close();
  }

  /** Opens what came after the newest that is known. */
  async #findNewer(): Promise<void> {
    const known = this.#places.at(-1)?.ino;
    const now = await stat(this.#path).catch(() => undefined);
    if (now === undefined || now.ino === known) return;
    const newer: Place[] = [];
    const seen = new Set<number>();
    for (let age = 0; age < accessFiles; age++) {
      const handle = await openIfThere(agedName(this.#path, age));
      if (handle === undefined) continue;
      const { ino } = await handle.stat();
      if (ino === known || seen.has(ino)) {
        await handle.close();
        if (ino === known) break;
        continue;
      }
      seen.add(ino);
      newer.unshift({ handle, ino, offset: 0 });
    }
    this.#places.push(...newer);
  }
}
