/** Makes a backup while the daemon serves: store and index as of one moment, streamed from a copy that goes afterwards. */
import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { Clock, Disk } from "@skerry/core/domain/ports.ts";
import type { Entry, Store } from "@skerry/core/domain/store.ts";
import type { BucketService } from "@skerry/core/storage/buckets.ts";
import type { SqliteIndex } from "@skerry/core/storage/index/sqlite/open.ts";
import { reserveBytes } from "@skerry/core/storage/reserve.ts";
import type { DataDirectory } from "../data/directory.ts";
import { systemCode } from "../data/failure.ts";
import { VERSION } from "../version.ts";
import { filePartName, INDEX_PART, isFileName, pathsInData, STORE_PART } from "./contents.ts";
import { encodeBackup, type Part } from "./format.ts";

export interface BackupWorld {
  readonly store: Store;
  readonly index: SqliteIndex;
  readonly buckets: BucketService;
  readonly data: DataDirectory;
  readonly clock: Clock;
  readonly disk: Disk;
}

export interface Backups {
  /**
   * The bytes of a backup, after everything that could fail for want of room has been done. To be read to the end, or
   * returned; ends with the signal too.
   * @throws `exhausted/overload` (one at a time), `exhausted/disk` (no room for the copy of the index).
   */
  create(signal: AbortSignal): Promise<AsyncGenerator<Uint8Array>>;
}

/** Removes what a daemon that was killed has left. */
export async function createBackups(world: BackupWorld): Promise<Backups> {
  const directory = join(world.data.runDirectory, "backup");
  await rm(directory, { recursive: true, force: true });
  let busy = false;
  return {
    async create(signal) {
      if (busy) {
        throw new SkerryError("exhausted/overload", "Another backup is being made.", {
          hint: "Try again when it is done.",
          retryAfterMs: LIMITS.backup.retryAfterMs,
        });
      }
      busy = true;
      let ended: Promise<void> | undefined;
      const end = () => {
        ended ??= rm(directory, { recursive: true, force: true }).finally(() => {
          busy = false;
        });
        return ended;
      };
      try {
        await assertRoom(world);
        await mkdir(directory, { recursive: true, mode: 0o700 });
        const snapshot = await takeSnapshot(world, join(directory, `${randomUUID()}.sqlite`), signal);
        return released(encodeSnapshot(world, snapshot), signal, end);
      } catch (error) {
        await end();
        throw error;
      }
    },
  };
}

/** However it ends, also when it is never begun. */
function released(
  body: AsyncGenerator<Uint8Array>,
  signal: AbortSignal,
  end: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  const onAbort = () => void end();
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  return (async function* () {
    try {
      yield* body;
    } finally {
      signal.removeEventListener("abort", onAbort);
      await end();
    }
  })();
}

interface Snapshot {
  readonly entries: readonly Entry[];
  readonly revision: number;
  /** Path of the index's copy. */
  readonly index: string;
  readonly files: readonly { readonly name: string; readonly bytes: Buffer }[];
}

/** One moment for both: a bucket without its shard, or objects without their bucket, would be in no backup's interest. */
async function takeSnapshot(world: BackupWorld, path: string, signal: AbortSignal): Promise<Snapshot> {
  const { store, index, buckets, data } = world;
  const { copy, ...seen } = await buckets.whileQuiet(async () => {
    const copy = await index.copyTo(path, signal);
    try {
      return { copy, ...(await readStore(store)), files: await readFiles(data) };
    } catch (error) {
      await copy[Symbol.asyncDispose]();
      throw error;
    }
  });
  await using done = copy;
  await done.finish();
  return { ...seen, index: path };
}

/** All of one revision. The entries are those in memory, not copies. */
async function readStore(store: Store): Promise<{ entries: readonly Entry[]; revision: number }> {
  const entries: Entry[] = [];
  let { revision } = store;
  for (let after: string | undefined; ; ) {
    const page = await store.list({ prefix: "", revision, ...(after === undefined ? {} : { after }) });
    // What lives under a lease belongs to a process that lives now.
    entries.push(...page.entries.filter(({ lease }) => lease === undefined));
    ({ next: after, revision } = page as { next?: string; revision: number });
    if (after === undefined) return { entries, revision };
  }
}

async function readFiles(data: DataDirectory): Promise<Snapshot["files"]> {
  const paths = [...pathsInData("file")];
  for (const folder of pathsInData("folder")) {
    const names = await readdir(join(data.path, folder)).catch(unlessMissing);
    paths.push(...(names ?? []).filter(isFileName).map((name) => `${folder}/${name}`));
  }
  const files: { name: string; bytes: Buffer }[] = [];
  for (const path of paths) {
    const bytes = await readFile(join(data.path, path)).catch(unlessMissing);
    if (bytes !== undefined) files.push({ name: filePartName(path), bytes });
  }
  return files;
}

function unlessMissing(error: unknown): undefined {
  if (systemCode(error) !== "ENOENT") throw error;
}

/** The copy takes as much room as the index has, and the disk keeps its reserve. */
async function assertRoom({ data, disk }: BackupWorld): Promise<void> {
  const { size } = await stat(join(data.indexDirectory, "index.sqlite"));
  const space = await disk.space(data.runDirectory);
  if (space.freeBytes - reserveBytes(space) >= size) return;
  throw new SkerryError(
    "exhausted/disk",
    `A backup needs ${size} bytes on the disk of the data directory for a while.`,
    {
      hint: "Free some space there.",
    },
  );
}

function encodeSnapshot({ data, clock }: BackupWorld, snapshot: Snapshot): AsyncGenerator<Uint8Array> {
  const { cluster } = data;
  const createdAt = new Date(clock.wallMs()).toISOString();
  return encodeBackup({ cluster, skerry: VERSION, createdAt, revision: snapshot.revision }, partsOf(snapshot));
}

async function* partsOf({ entries, index, files }: Snapshot): AsyncGenerator<Part> {
  yield { name: STORE_PART, data: entryFrames(entries) };
  yield { name: INDEX_PART, data: fileFrames(index) };
  for (const { name, bytes } of files) yield { name, data: slices(bytes) };
}

function* entryFrames(entries: readonly Entry[]): Generator<Uint8Array> {
  let texts: string[] = [];
  let length = 0;
  const flush = () => Buffer.from(`[${texts.join(",")}]`);
  for (const entry of entries) {
    const text = JSON.stringify(entry);
    // In UTF-8 a character takes three bytes at most.
    if (texts.length > 0 && length + text.length * 3 > LIMITS.backup.frameBytes) {
      yield flush();
      texts = [];
      length = 0;
    }
    texts.push(text);
    length += text.length * 3 + 1;
  }
  if (texts.length > 0) yield flush();
}

async function* fileFrames(path: string): AsyncGenerator<Uint8Array> {
  await using file = await open(path, "r");
  for (;;) {
    const bytes = Buffer.allocUnsafe(LIMITS.backup.frameBytes);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, null);
    if (bytesRead === 0) return;
    yield bytes.subarray(0, bytesRead);
  }
}

function* slices(bytes: Buffer): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += LIMITS.backup.frameBytes) {
    yield bytes.subarray(at, at + LIMITS.backup.frameBytes);
  }
}
