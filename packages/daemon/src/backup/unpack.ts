/** A backup's contents into an empty directory, checked as a whole: what a restore stages, and what verifying throws away. */
import { mkdir, mkdtemp, open, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { formatBytes } from "@skerry/core/contract/present/values.ts";
import { isError, SkerryError } from "@skerry/core/domain/errors.ts";
import type { Bucket } from "@skerry/core/domain/objects.ts";
import type { Entry } from "@skerry/core/domain/store.ts";
import { realClock as clock } from "@skerry/core/platform/clock.ts";
import { realDisk as disk } from "@skerry/core/platform/disk.ts";
import { realRandom as random } from "@skerry/core/platform/random.ts";
import { type IndexContents, inspectCopy } from "@skerry/core/storage/index/sqlite/copy.ts";
import { writeNedbLog } from "@skerry/core/store/drivers/nedb/write.ts";
import { dataFailure, systemCode } from "../data/failure.ts";
import { INDEX_PART, pathInData, pathOfPart, STORE_PART } from "./contents.ts";
import { type BackupEvent, damaged, type Manifest, readBackup } from "./format.ts";

export interface BackupSummary extends Manifest {
  /** Of the file. */
  readonly sizeBytes: number;
  readonly resources: number;
  readonly buckets: number;
  readonly objects: number;
  /** Of the objects; their chunks are not in the backup. */
  readonly objectBytes: number;
}

/** What was unpacked, and the names of its buckets by their uids. */
export interface Unpacked {
  readonly summary: BackupSummary;
  readonly bucketNames: ReadonlyMap<string, string>;
}

/**
 * In the directory for temporary files (`TMPDIR`). Leaves nothing.
 * @throws what `unpackBackup` throws, `exhausted/disk` or `unavailable` about that directory.
 */
export async function verifyBackup(path: string): Promise<BackupSummary> {
  const directory = await mkdtemp(join(tmpdir(), "skerry-backup-")).catch((error: unknown) => {
    throw temporaryFailure(systemCode(error) ?? "unknown error", error);
  });
  try {
    return (await unpackBackup(path, directory)).summary;
  } catch (error) {
    // What is said of a data directory would be no help.
    if (isError(error, "exhausted/disk")) throw temporaryFailure("ENOSPC", error);
    throw error;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function temporaryFailure(code: string, cause: unknown): SkerryError {
  const hint = "Name another directory for temporary files: TMPDIR=DIR skerry backup verify FILE";
  const full = code === "ENOSPC" || code === "EDQUOT";
  return full
    ? new SkerryError("exhausted/disk", `There is no room in ${tmpdir()} to unpack the backup.`, { hint, cause })
    : new SkerryError("unavailable", `The backup cannot be unpacked in ${tmpdir()} (${code}).`, { hint, cause });
}

/** What is unpacked has about the size of the backup: better said before than after minutes. @throws `exhausted/disk`. */
async function assertRoom(path: string, directory: string): Promise<void> {
  const [{ size }, { freeBytes }] = [await stat(path), await disk.space(directory)];
  if (freeBytes >= size) return;
  throw new SkerryError(
    "exhausted/disk",
    `Unpacking ${path} needs ${formatBytes(size)} in ${directory}, and ${formatBytes(freeBytes)} are free there.`,
    { hint: "Free some space there. Nothing was changed." },
  );
}

/**
 * Everything is durable when it resolves, the names in `directory` too.
 * @throws `invalid`, `unsupported/version`, `internal/corrupt`: this is no backup, or not whole; `exhausted/disk`.
 */
export async function unpackBackup(path: string, directory: string): Promise<Unpacked> {
  try {
    return await unpack(path, directory);
  } catch (error) {
    if (error instanceof SyntaxError) throw damaged(path, undefined, "a part of it is not JSON", error);
    throw dataFailure(error, directory);
  }
}

async function unpack(path: string, directory: string): Promise<Unpacked> {
  await using events = new Events(readBackup(path));
  const first = await events.next();
  if (first.kind !== "manifest") throw damaged(path, undefined, "it has no manifest");
  const { manifest } = first;
  await assertRoom(path, directory);
  const found = new StoreContents();
  let part = await events.next();
  const seen = new Set<string>();
  while (part.kind === "part") {
    const { name } = part;
    if (seen.has(name)) throw damaged(path, undefined, `it has ${JSON.stringify(name)} twice`);
    seen.add(name);
    if (name === STORE_PART) {
      const entries = found.read(events.data(), path);
      const note = { backup: { ...manifest }, at: new Date(clock.wallMs()).toISOString() };
      const storeFile = join(directory, pathInData("storeFile"));
      await writeNedbLog({ path: storeFile, ...manifest, entries, note, clock, random });
    } else await writeFile(join(directory, name === INDEX_PART ? INDEX_FILE : pathOfPart(name)), events.data());
    part = await events.next();
  }
  if (part.kind !== "end") throw damaged(path, undefined, "its parts are out of order");
  for (const name of [STORE_PART, INDEX_PART]) {
    if (!seen.has(name)) throw damaged(path, undefined, `it has no ${name}`);
  }
  await assertCluster(path, directory, manifest);
  const index = inspect(path, directory, manifest);
  found.assertSameBuckets(index, path);
  await disk.syncDirectory(directory);
  const { buckets, count } = found;
  const { objects, sizeBytes: objectBytes } = index;
  const { sizeBytes } = part;
  const summary = { ...manifest, sizeBytes, resources: count, buckets: buckets.size, objects, objectBytes };
  return { summary, bucketNames: buckets };
}

const INDEX_FILE = join(pathInData("indexDirectory"), "index.sqlite");

function inspect(path: string, directory: string, { cluster }: Manifest): IndexContents {
  try {
    return inspectCopy(join(directory, INDEX_FILE), cluster);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw damaged(path, undefined, `its index is not sound (${why})`, error);
  }
}

async function assertCluster(path: string, directory: string, { cluster }: Manifest): Promise<void> {
  const text = await readFile(join(directory, pathInData("clusterFile")), "utf8").catch(() => "{}");
  const found = JSON.parse(text) as { cluster?: string };
  if (found.cluster !== cluster) throw damaged(path, undefined, "it does not say of which cloud it is");
}

/** One event after another, and the data of a part as its own sequence. */
class Events implements AsyncDisposable {
  readonly #source: AsyncGenerator<BackupEvent, void, undefined>;
  #ahead: BackupEvent | undefined;

  constructor(source: AsyncGenerator<BackupEvent, void, undefined>) {
    this.#source = source;
  }

  async next(): Promise<BackupEvent> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (ahead !== undefined) return ahead;
    const { value } = await this.#source.next();
    return value as BackupEvent;
  }

  /** It holds the file open until then. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source.return();
  }

  async *data(): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const event = await this.next();
      if (event.kind !== "data") {
        this.#ahead = event;
        return;
      }
      yield event.bytes;
    }
  }
}

async function writeFile(path: string, data: AsyncIterable<Uint8Array>): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await using file = await open(path, "wx", 0o600);
  for await (const bytes of data) await file.writeFile(bytes);
  await file.sync();
  await disk.syncDirectory(dirname(path));
}

const BUCKETS = "/bucket/";
const DELETIONS = "/deletion/bucket/";

/** Entries on their way, and what of them the index must know, too. */
class StoreContents {
  /** Uid -> name. */
  readonly buckets = new Map<string, string>();
  /** Uids of buckets whose deletion has begun: the shard may be gone already. */
  readonly #deleting = new Set<string>();
  count = 0;

  async *read(data: AsyncIterable<Buffer>, path: string): AsyncGenerator<readonly Entry[], void, undefined> {
    let last = "";
    for await (const bytes of data) {
      const entries = JSON.parse(bytes.toString("utf8")) as readonly Entry[];
      for (const { key, value } of entries) {
        if (Buffer.compare(Buffer.from(last), Buffer.from(key)) >= 0) {
          throw damaged(path, undefined, `the entries of its store are out of order at ${JSON.stringify(key)}`);
        }
        last = key;
        this.count += 1;
        if (key.startsWith(BUCKETS)) {
          const { uid, name } = (value as unknown as Bucket).meta;
          this.buckets.set(uid, name);
        } else if (key.startsWith(DELETIONS)) this.#deleting.add((value as { uid: string }).uid);
      }
      yield entries;
    }
  }

  /** A bucket that nobody can use, or objects that nobody can name, are no state of a cloud. */
  assertSameBuckets(index: IndexContents, path: string): void {
    for (const [uid, name] of this.buckets) {
      if (index.buckets.has(uid) || this.#deleting.has(uid)) continue;
      throw damaged(path, undefined, `the bucket ${name} is in its store and not in its index`);
    }
    for (const [uid, objects] of index.buckets) {
      if (objects === 0 || this.buckets.has(uid)) continue;
      throw damaged(path, undefined, `its index has ${objects} objects of a bucket that is not in its store (${uid})`);
    }
  }
}
