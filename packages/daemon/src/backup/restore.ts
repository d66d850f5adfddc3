/**
 * Puts a backup in place of what a stopped daemon had. `cluster.json` goes first and comes last: a restore that is cut off
 * in between leaves a directory that no daemon starts on, and that another restore makes whole.
 */
import { mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { realClock as clock } from "@skerry/core/platform/clock.ts";
import { realDisk as disk } from "@skerry/core/platform/disk.ts";
import { findLostChunks, type LostChunks } from "@skerry/core/storage/index/sqlite/copy.ts";
import { loadConfig } from "../config/load.ts";
import { lockDataDirectory, RESTORE_DIRECTORY } from "../data/directory.ts";
import { dataFailure, systemCode } from "../data/failure.ts";
import { BEFORE_CLUSTER_FILE, type DataLayout } from "../data/layout.ts";
import { replicaFiles } from "../data/replicas.ts";
import { pathInData, pathsInData } from "./contents.ts";
import { type BackupSummary, type Unpacked, unpackBackup } from "./unpack.ts";

export interface RestoreOptions {
  /** Path of the backup. */
  readonly file: string;
  /** As of `skerryd`: they say where the data directory is. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Into a directory that has data: it is kept beside. */
  readonly force: boolean;
  /** Tests: ends it at any of its steps. */
  readonly move?: Move;
}

type Move = (from: string, to: string) => Promise<void>;

export interface Restored extends BackupSummary {
  readonly dataDirectory: string;
  /** Where what was there before lies now. */
  readonly kept?: string;
  /**
   * Chunks of which no copy is in the storage directories: their objects were deleted since, or a disk is away. Buckets by
   * their names.
   */
  readonly lost: LostChunks;
}

/**
 * @throws `conflict/locked` (a daemon runs), `conflict/not-empty` (there is data, or something else), `conflict` (another
 * cloud's data), what `unpackBackup` throws; then the directory is as it was.
 */
export async function restoreBackup({ file, argv, env, force, move = rename }: RestoreOptions): Promise<Restored> {
  process.umask(0o077);
  const config = await loadConfig({ argv, env, homeDir: homedir(), isTty: false });
  await using data = await lockDataDirectory(config.data);
  try {
    const own = data.storageDirectory;
    const servers = (await readdir(own).catch(() => [])).map((name) => join(own, name));
    const storage = config.storage.directories.length > 0 ? config.storage.directories : servers;
    return await restore({ file, data, force, move, storage });
  } catch (error) {
    await data.undo();
    throw dataFailure(error, data.path);
  }
}

interface Plan {
  readonly file: string;
  readonly data: DataLayout;
  readonly force: boolean;
  readonly move: Move;
  /** Where replicas are looked for. */
  readonly storage: readonly string[];
}

async function restore({ file, data, force, move, storage }: Plan): Promise<Restored> {
  const staged = join(data.path, RESTORE_DIRECTORY);
  const before = await whatIsThere(data);
  if (before.length > 0 && !force) {
    throw new SkerryError("conflict/not-empty", `There is data in ${data.path} already.`, {
      hint: "Choose another directory: --data DIR. Or put the backup in its place, and keep what is there beside it: --force",
    });
  }
  // Of a restore that was cut off.
  await rm(staged, { recursive: true, force: true });
  let unpacked: Unpacked;
  try {
    await mkdir(staged, { mode: 0o700 });
    unpacked = await unpackBackup(file, staged);
    await assertSameCloud(data, unpacked.summary.cluster);
  } catch (error) {
    await rm(staged, { recursive: true, force: true });
    throw error;
  }
  const found = findLostChunks(join(staged, pathInData("indexDirectory"), "index.sqlite"), replicaFiles(storage));
  const names = found.objects.map(({ bucket, key }) => ({ bucket: unpacked.bucketNames.get(bucket) ?? bucket, key }));
  const lost = { ...found, objects: names };
  const registry = pathInData("chunkserversFile");
  // Disks may have been replaced since: what is known of them here is newer.
  const keepsRegistry = before.includes(registry) && (await isJson(data.chunkserversFile));
  if (keepsRegistry) await rm(join(staged, registry), { force: true });
  const aside = before.filter((path) => !(keepsRegistry && path === registry));
  const kept = aside.length === 0 ? undefined : await setAside(data, aside, move);
  await putInPlace(data, staged, move);
  const { path: dataDirectory } = data;
  return { ...unpacked.summary, dataDirectory, lost, ...(kept === undefined ? {} : { kept }) };
}

/** In the order in which they go: `cluster.json` first. Comes back in the opposite order. */
function replaced(): readonly string[] {
  const files = pathsInData("file").filter((path) => path !== CLUSTER_FILE);
  return [
    CLUSTER_FILE,
    dirname(pathInData("storeFile")),
    pathInData("indexDirectory"),
    ...pathsInData("folder"),
    ...files,
  ];
}

const CLUSTER_FILE = pathInData("clusterFile");

/** What a backup would replace. @throws `conflict/not-empty` for a directory that is not ours. */
async function whatIsThere(data: DataLayout): Promise<readonly string[]> {
  const names = await readdir(data.path);
  const ours = replaced().filter((path) => names.includes(path));
  if (ours.length > 0) return ours;
  const known = new Set([...BEFORE_CLUSTER_FILE, RESTORE_DIRECTORY, "storage", "audit", "ballast"]);
  const foreign = names.find((name) => !known.has(name) && !name.startsWith(KEPT_PREFIX));
  if (foreign === undefined) return [];
  throw new SkerryError("conflict/not-empty", `${data.path} holds something else: ${JSON.stringify(foreign)}.`, {
    hint: "Choose a new or an empty directory: --data DIR.",
  });
}

/** Replicas belong to a cloud: another's would be refused at the start. */
async function assertSameCloud(data: DataLayout, cluster: string): Promise<void> {
  const other = await clusterIn(data);
  if (other === undefined || other === cluster) return;
  throw new SkerryError("conflict", `${data.path} belongs to another cloud (${other}) than the backup (${cluster}).`, {
    hint: "Choose another directory: --data DIR.",
  });
}

/** By `cluster.json`, else by the replicas. Damaged ones tell nothing: they are why one restores. */
async function clusterIn(data: DataLayout): Promise<string | undefined> {
  const servers = await readdir(data.storageDirectory).catch(() => []);
  const files = [data.clusterFile, ...servers.map((name) => join(data.storageDirectory, name, "identity.json"))];
  for (const path of files) {
    const text = await readFile(path, "utf8").catch(() => "");
    const cluster = /"cluster":\s*"([a-z0-9]+)"/.exec(text)?.[1];
    if (cluster !== undefined) return cluster;
  }
  return undefined;
}

async function isJson(path: string): Promise<boolean> {
  try {
    JSON.parse(await readFile(path, "utf8"));
    return true;
  } catch {
    return false;
  }
}

const KEPT_PREFIX = "replaced-";

/** Nothing that was there is lost: it lies in a folder of its own. */
async function setAside(data: DataLayout, paths: readonly string[], move: Move): Promise<string> {
  const stamp = new Date(clock.wallMs()).toISOString().replace(/[:.]/g, "-").toLowerCase();
  const kept = join(data.path, `${KEPT_PREFIX}${stamp}`);
  await mkdir(kept, { mode: 0o700 });
  for (const path of paths) {
    await move(join(data.path, path), join(kept, path));
    // One after the other on the disk, too: nothing else may go before cluster.json has gone.
    await disk.syncDirectory(kept);
    await disk.syncDirectory(data.path);
  }
  return kept;
}

async function putInPlace(data: DataLayout, staged: string, move: Move): Promise<void> {
  for (const path of [...replaced()].reverse()) {
    const there = await stat(join(staged, path)).catch((error: unknown) => {
      if (systemCode(error) !== "ENOENT") throw error;
    });
    if (there === undefined) continue;
    // What is not in the backup must be there before a daemon may start.
    if (path === CLUSTER_FILE) await disk.syncDirectory(data.path);
    await move(join(staged, path), join(data.path, path));
  }
  await disk.syncDirectory(data.path);
  await rm(staged, { recursive: true });
  await disk.syncDirectory(data.path);
}
