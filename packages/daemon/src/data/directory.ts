/** Opens the data directory: checks that it is ours alone, locks it, and knows where things lie in it. */
import { lstat, mkdir, readdir, rename, rm, rmdir, unlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import type { Clock, Disk, Random } from "@skerry/core/domain/ports.ts";
import { realClock } from "@skerry/core/platform/clock.ts";
import { realDisk } from "@skerry/core/platform/disk.ts";
import { realRandom } from "@skerry/core/platform/random.ts";
import { createClusterFile, readClusterFile, writeClusterFile } from "./cluster-file.ts";
import { dataFailure, systemCode } from "./failure.ts";
import { BEFORE_CLUSTER_FILE, type DataLayout, layoutOf } from "./layout.ts";
import { acquireLock } from "./lock.ts";

export interface DataDirectoryOptions {
  /** Of this Skerry: written into a new directory. */
  readonly version: string;
  /** False: a directory that is not there is `not_found` (offline commands). Default: it is made. */
  readonly create?: boolean;
  readonly clock?: Clock;
  readonly random?: Random;
  /** For `cluster.json`. */
  readonly disk?: Disk;
  /** Who must own it. Default: who runs this process. */
  readonly ownerUid?: number;
}

/** Locked until disposed. */
export interface DataDirectory extends DataLayout, AsyncDisposable {
  /** Uid of the cloud that the directory belongs to. */
  readonly cluster: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** True when this call made it. */
  readonly created: boolean;
  /** Store and index were made by an earlier start. */
  readonly populated: boolean;
  /** Says so, durably. */
  markPopulated(): Promise<void>;
  /** Removes what was not there before, also the directory. Only of one that `created` tells of, and that has served nobody. */
  discard(): Promise<void>;
}

/**
 * Makes the directory (0700) when it is new, else checks it; locks it; removes the sockets that a dead daemon left.
 * Expects umask 077. Nothing is changed in a directory that is refused.
 * @throws `conflict/locked` (another process, named), `conflict/not-empty` (holds something else), `forbidden` (owner, mode,
 * access), `invalid` (a link, not a directory, path too long), `not_found` (`create: false`), `unavailable` (read-only),
 * `exhausted/disk`, `unsupported/version` (of a newer Skerry), `internal/corrupt` (`cluster.json`).
 */
export async function openDataDirectory(path: string, options: DataDirectoryOptions): Promise<DataDirectory> {
  const layout = layoutOf(resolve(path));
  try {
    return await open(layout, options);
  } catch (error) {
    throw dataFailure(error, layout.path);
  }
}

async function open(layout: DataLayout, options: DataDirectoryOptions): Promise<DataDirectory> {
  const { clock = realClock, random = realRandom, disk = realDisk, version } = options;
  const there = await lookBefore(layout);
  await makeOrCheck(layout.path, options);
  await refuseForeign(layout);
  // Before the lock, so that a directory that is refused stays as it was.
  if ((await readClusterFile(disk, layout)) === undefined && options.create === false) throw noData(layout.path);
  using stack = new DisposableStack();
  const lock = stack.use(await acquireLock(layout));
  const before = await namesUnderLock(layout, there);
  // Again under the lock: another process may have begun here in between.
  await refuseForeign(layout);
  const found = await readClusterFile(disk, layout);
  const cluster = found ?? (await createClusterFile(layout, { disk, clock, random, version }));
  await mkdir(layout.runDirectory, { recursive: true, mode: 0o700 });
  await writePid(layout);
  for (const path of [layout.socketPath, layout.sitesSocket]) await removeStaleSocket(path);
  stack.move();
  return {
    ...layout,
    cluster: cluster.cluster,
    createdAt: cluster.createdAt,
    created: found === undefined,
    populated: cluster.populated,
    discard: () => discard(layout, before),
    markPopulated: () => writeClusterFile(layout, disk, { ...cluster, populated: true }),
    async [Symbol.asyncDispose]() {
      // Before the lock goes: after it they may be another's.
      await unlink(layout.pidFile).catch(() => undefined);
      lock[Symbol.dispose]();
    },
  };
}

/** Where a restore unpacks. While it is there without a `cluster.json`, a restore was cut off. */
export const RESTORE_DIRECTORY = "restore.new";

export interface LockedDirectory extends DataLayout, AsyncDisposable {
  /** Leaves a directory that held nothing as it was before; of another one, that may be half done, the lock's file goes. */
  undo(): Promise<void>;
}

/**
 * The directory checked, made when it is new, and locked; what is in it is not looked at: it may be damaged, which is why one
 * restores. @throws as `openDataDirectory`, but nothing about its contents.
 */
export async function lockDataDirectory(path: string): Promise<LockedDirectory> {
  const layout = layoutOf(resolve(path));
  try {
    const there = await lookBefore(layout);
    await makeOrCheck(layout.path, { version: "" });
    using stack = new DisposableStack();
    const lock = stack.use(await acquireLock(layout));
    const before = await namesUnderLock(layout, there);
    stack.move();
    return {
      ...layout,
      async undo() {
        if ([...before.names].every((name) => BEFORE_CLUSTER_FILE.has(name))) await discard(layout, before);
        else if (!before.lock) await unlink(layout.lockFile).catch(() => undefined);
      },
      [Symbol.asyncDispose]: async () => lock[Symbol.dispose](),
    };
  } catch (error) {
    throw dataFailure(error, layout.path);
  }
}

/** What was there before this process came. */
interface Before {
  readonly directory: boolean;
  readonly lock: boolean;
  /** Besides the lock and what belongs to it. */
  readonly names: ReadonlySet<string>;
}

async function lookBefore({ path, lockFile }: DataLayout): Promise<Omit<Before, "names">> {
  const isThere = (one: string) =>
    lstat(one).then(
      () => true,
      // What cannot be looked at is taken for there: then it stays.
      (error: unknown) => systemCode(error) !== "ENOENT",
    );
  return { directory: await isThere(path), lock: await isThere(lockFile) };
}

/** Under the lock: what another process made until it let go is none of ours to remove. @throws when it cannot be read. */
async function namesUnderLock({ path, lockFile }: DataLayout, there: Omit<Before, "names">): Promise<Before> {
  // The lock has a journal beside it.
  const names = (await readdir(path)).filter((name) => !name.startsWith(basename(lockFile)));
  return { ...there, names: new Set(names) };
}

/** Under the lock, which goes last: whoever waits for it finds out that its file is another one. */
async function discard({ path, lockFile }: DataLayout, before: Before): Promise<void> {
  const ours = (await readdir(path)).filter((name) => !before.names.has(name) && join(path, name) !== lockFile);
  for (const name of ours) await rm(join(path, name), { recursive: true, force: true });
  if (!before.lock) await unlink(lockFile).catch(() => undefined);
  // Somebody may have put something there.
  if (!before.directory) await rmdir(path).catch(() => undefined);
}

function noData(path: string): SkerryError {
  return new SkerryError("not_found", `${path} is not a data directory of Skerry.`, { hint: "Name it: --data DIR." });
}

async function makeOrCheck(path: string, options: DataDirectoryOptions): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  });
  if (found === undefined) {
    if (options.create === false) throw noData(path);
    await makeDurably(path);
    // What is there now may be another start's: it is checked as any other.
    return makeOrCheck(path, { ...options, create: false });
  }
  const refuse = (id: "invalid" | "forbidden", what: string, hint: string) =>
    new SkerryError(id, `The data directory ${path} ${what}.`, { hint, details: { path } });
  if (found.isSymbolicLink()) {
    throw refuse("invalid", "is a symbolic link, which someone could point elsewhere", "Name the directory behind it.");
  }
  if (!found.isDirectory()) throw refuse("invalid", "is not a directory", "Choose another: --data DIR.");
  const owner = options.ownerUid ?? process.geteuid?.() ?? found.uid;
  if (found.uid !== owner) {
    const what = `belongs to the user with uid ${found.uid}, and this process runs as uid ${owner}`;
    throw refuse("forbidden", what, `Run skerryd as that user, or choose another directory: --data DIR.`);
  }
  if ((found.mode & 0o077) !== 0) {
    const mode = (found.mode & 0o777).toString(8).padStart(4, "0");
    throw refuse("forbidden", `has mode ${mode}: other users could reach what is in it`, `chmod 700 ${path}`);
  }
}

/**
 * Makes the directory and those above it. Each is synced into the one above: a power cut must not take the whole data with
 * it. Not by `recursive`, which tells ENOENT for a read-only file system.
 */
async function makeDurably(path: string): Promise<void> {
  const above = dirname(path);
  const make = (): Promise<void> =>
    mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
      // Another start was faster.
      if (systemCode(error) !== "EEXIST") throw error;
    });
  try {
    await make();
  } catch (error) {
    if (systemCode(error) !== "ENOENT" || above === path) throw error;
    await makeDurably(above);
    await make();
  }
  await realDisk.syncDirectory(above).catch((error: unknown) => {
    // A directory that may be written and not read cannot be synced.
    if (systemCode(error) !== "EACCES") throw error;
  });
}

/** A directory with files but without `cluster.json` is somebody's: photographs, or ours with the file lost. */
async function refuseForeign(layout: DataLayout): Promise<void> {
  const names = await readdir(layout.path);
  if (names.includes("cluster.json")) return;
  const foreign = names.filter((name) => !BEFORE_CLUSTER_FILE.has(name));
  if (foreign.length === 0) return;
  if (foreign.includes(RESTORE_DIRECTORY)) {
    throw new SkerryError("internal/corrupt", `A restore into ${layout.path} was cut off before its end.`, {
      hint: "Do it again: skerry backup restore FILE --force. What was there before lies in replaced-* in that directory.",
    });
  }
  if (foreign.some((name) => name === "store" || name === "index" || name === "chunkservers.json")) {
    throw new SkerryError(
      "internal/corrupt",
      `The data directory ${layout.path} holds data of Skerry, but ${layout.clusterFile} is gone. Nothing was changed.`,
      { hint: `Restore ${layout.clusterFile} from a backup, or choose another directory: --data DIR.` },
    );
  }
  const shown = foreign.slice(0, 3).map((name) => JSON.stringify(name.slice(0, 60)));
  const more = foreign.length > shown.length ? ` and ${foreign.length - shown.length} more` : "";
  throw new SkerryError(
    "conflict/not-empty",
    `The directory ${layout.path} is not empty and not a data directory of Skerry: it holds ${shown.join(", ")}${more}.`,
    { hint: "Choose a new or an empty directory: --data DIR.", details: { path: layout.path } },
  );
}

/** For people, and for the message to a second daemon. Has no meaning without the lock. */
async function writePid(layout: DataLayout): Promise<void> {
  const fresh = `${layout.pidFile}.new`;
  await writeFile(fresh, `${process.pid}\n`, { mode: 0o600 });
  await rename(fresh, layout.pidFile);
}

/** Only under the lock: whoever listened on it is dead. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  });
  if (found === undefined) return;
  if (found.isSocket()) return unlink(path);
  throw new SkerryError("conflict/exists", `${path} is not a socket.`, { hint: "It is not Skerry's: move it away." });
}
