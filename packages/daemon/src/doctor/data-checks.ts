/** The data directory and the disks. Nothing is written. */
import { dirname, join } from "node:path";
import { formatBytes } from "@skerry/core/contract/present/values.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { realDisk } from "@skerry/core/platform/disk.ts";
import { reserveBytes } from "@skerry/core/storage/reserve.ts";
import { readClusterFile } from "../data/cluster-file.ts";
import { dataFailure } from "../data/failure.ts";
import { type Check, type Found, fault, ok, type Site, warning } from "./check.ts";

export const DATA_CHECKS: readonly Check[] = [
  { name: "data-directory", run: checkDirectory },
  { name: "data", run: checkData },
  { name: "store-file", run: (site) => checkSound(site, "store") },
  { name: "index-file", run: (site) => checkSound(site, "index") },
  { name: "disk-space", run: checkSpace },
  { name: "disks", run: checkDisks },
  { name: "file-system", run: checkFileSystem },
];

async function checkDirectory({ machine, layout: { path } }: Site): Promise<Found> {
  const found = await machine.stat(path);
  if (found === undefined) {
    const above = await nearest(machine.stat, path);
    if (await machine.mayUse(above)) return ok(`${path} is not there yet; skerry up makes it`);
    return fault(`${path} is not there, and this user may not make it in ${above}`, "Choose another: --data DIR.");
  }
  if (found.kind === "link") return fault(`${path} is a symbolic link`, "Name the directory behind it: --data DIR.");
  if (found.kind !== "directory") return fault(`${path} is not a directory`, "Choose another: --data DIR.");
  if (found.uid !== machine.uid) {
    const what = `${path} belongs to the user with uid ${found.uid}, and this is uid ${machine.uid}`;
    return fault(what, "Run skerry as that user, or choose another directory: --data DIR.");
  }
  const mode = found.mode.toString(8).padStart(4, "0");
  if ((found.mode & 0o077) !== 0) return fault(`${path} has mode ${mode}: others could read it`, `chmod 700 ${path}`);
  if (!(await machine.mayUse(path))) {
    return fault(`${path} cannot be written: its file system is read-only, or refuses it`, "See dmesg and mount.");
  }
  return ok(`${path} is yours alone (mode ${mode})`);
}

/** The nearest directory above that is there. */
async function nearest(stat: Site["machine"]["stat"], path: string): Promise<string> {
  for (let above = dirname(path); ; above = dirname(above)) {
    if (above === dirname(above) || (await stat(above)) !== undefined) return above;
  }
}

/** What the cloud has had must be there. Whether it is sound the daemon finds out. */
async function checkData({ machine, layout }: Site): Promise<Found> {
  if ((await machine.stat(layout.path)) === undefined) return ok("There is no data yet");
  let cluster: Awaited<ReturnType<typeof readClusterFile>>;
  try {
    cluster = await readClusterFile(realDisk, layout);
  } catch (error) {
    const { message, hint } = dataFailure(error, layout.path);
    return fault(message, hint ?? "Restore it from a backup.");
  }
  if (cluster === undefined) {
    const names = await machine.names(layout.path);
    const ours = names.filter((name) => name === "store" || name === "index");
    if (ours.length === 0) return ok("There is no data yet");
    return fault(`${layout.clusterFile} is gone, and ${ours.join(" and ")} are there`, "Restore it from a backup.");
  }
  if (!cluster.populated) return ok(`Cloud ${cluster.cluster}, not started to the end yet`);
  for (const path of [layout.storeFile, join(layout.indexDirectory, "index.sqlite")]) {
    if ((await machine.stat(path)) !== undefined) continue;
    return fault(
      `${path} is missing, and this cloud has had it`,
      "Put it back, or: skerry backup restore FILE --force",
    );
  }
  return ok(`Cloud ${cluster.cluster}, made ${cluster.createdAt.slice(0, 10)} by Skerry ${cluster.skerry}`);
}

/** All of it, as far as there is time: damage is better found while backups are young. */
async function checkSound(
  { machine, layout, daemonPid, storageDirectories: storage }: Site,
  of: "store" | "index",
): Promise<Found | Found[]> {
  const path = of === "store" ? layout.storeFile : join(layout.indexDirectory, "index.sqlite");
  const name = of === "store" ? "The store's log" : "The object index";
  const cluster = await readClusterFile(realDisk, layout).catch(() => undefined);
  // What is missing is told of by the check before.
  if (cluster === undefined || !cluster.populated || (await machine.stat(path)) === undefined) {
    return ok(`${name}: there is none to look at`);
  }
  const running = daemonPid !== undefined;
  const {
    state,
    what,
    todo: helps = "Run it again.",
    lostChunks = 0,
  } = await machine.look({ of, path, cluster: cluster.cluster, running, storage });
  if (state === "ok" && lostChunks === 0) return ok(`${name}: ${what}`);
  if (state === "ok") {
    const lost = `${lostChunks} ${lostChunks === 1 ? "chunk of an object is" : "chunks of objects are"} in no directory for replicas`;
    const todo =
      "Mount the disk that has them; when they are gone, skerry status names the objects once the daemon runs.";
    return [ok(`${name}: ${what}`), fault(lost, todo)];
  }
  if (state === "unknown") return warning(`${name} was not looked at: ${what}`, helps);
  const todo = "Keep a copy of it. skerry backup restore FILE --force puts a sound one in its place.";
  return fault(`${name} is damaged (${path}): ${what.replace(/\.$/, "")}`, todo);
}

/** Below the reserve a disk takes no new data; without inodes no new files. */
async function checkSpace({ machine, layout, storageDirectories }: Site): Promise<Found[]> {
  const found: Found[] = [];
  const seen = new Set<number>();
  for (const path of [layout.path, ...storageDirectories]) {
    const there = (await machine.stat(path)) === undefined ? await nearest(machine.stat, path) : path;
    const { device = 0 } = (await machine.stat(there)) ?? {};
    if (seen.has(device)) continue;
    seen.add(device);
    const space = await machine.space(there);
    const reserve = reserveBytes(space);
    const text = `${formatBytes(space.freeBytes)} of ${formatBytes(space.totalBytes)} are free at ${there}`;
    if (space.freeBytes <= reserve) {
      found.push(fault(`${text}: no new data is taken below ${formatBytes(reserve)}`, "Free some, or add a disk."));
    } else if (space.totalInodes > 0 && space.freeInodes < space.totalInodes / 100) {
      found.push(fault(`Only ${space.freeInodes} inodes are free at ${there}`, "Remove small files from that disk."));
    } else if (space.freeBytes < 2 * reserve + LIMITS.objects.ballastBytes) {
      found.push(warning(`${text}: nearly down to the reserve`, "Free some, or add a disk."));
    } else found.push(ok(text));
  }
  return found;
}

/** Of the chunkservers that the cloud has had. */
function namesIn(registry: string | undefined): readonly string[] {
  try {
    const { servers } = JSON.parse(registry ?? "{}") as { servers?: Record<string, unknown> };
    return Object.keys(servers ?? {});
  } catch {
    return [];
  }
}

async function checkDisks({ machine, layout, storageDirectories }: Site): Promise<Found> {
  const known = namesIn(await machine.text(layout.chunkserversFile));
  const missing: string[] = [];
  for (const [i, path] of storageDirectories.entries()) {
    if (known.includes(`s${i + 1}`) && (await machine.stat(path)) === undefined) missing.push(path);
  }
  if (missing.length > 0) {
    const { length } = storageDirectories;
    const what = `${missing.join(", ")}: ${missing.length} of ${length} storage directories are not there, and have had replicas`;
    const todo = `Mount them, or put copies in their places. If they are lost for good: ${missing
      .map((path) => `mkdir -p ${path} && touch ${path}/new-disk`)
      .join("; ")}`;
    return (length - missing.length < LIMITS.objects.writeQuorum ? fault : warning)(what, todo);
  }
  const devices = new Set<number>();
  for (const path of storageDirectories) {
    const found = await machine.stat(path);
    if (found !== undefined) devices.add(found.device);
  }
  const { replicas } = LIMITS.objects;
  if (devices.size === 0) return ok("There are no replicas yet");
  const text = `${replicas} copies on ${devices.size} ${devices.size === 1 ? "file system" : "file systems"}`;
  if (devices.size >= replicas) return ok(text);
  const more = devices.size === 1 ? "they survive damage, not the disk's death" : "one disk holds two copies";
  return warning(`${text}: ${more}`, "Give it a directory on each disk: --storage-dir /mnt/a,/mnt/b,/mnt/c");
}

/** Magic numbers of statfs(2). */
const TMPFS = 0x01021994;
const RAMFS = 0x858458f6;
const NFS = 0x6969;
const FUSE = 0x65735546;

async function checkFileSystem({ machine, layout, storageDirectories }: Site): Promise<Found[]> {
  const found: Found[] = [];
  const seen = new Set<number>();
  for (const path of [layout.path, ...storageDirectories]) {
    const facts = await machine.stat(path);
    if (facts === undefined || seen.has(facts.device)) continue;
    seen.add(facts.device);
    const { type } = await machine.space(path);
    if (type === TMPFS || type === RAMFS) {
      found.push(fault(`${path} lies in memory: all of it is gone after a restart`, "Choose a disk: --data DIR."));
    } else if (type === NFS || type === FUSE) {
      const what = `${path} lies on ${type === NFS ? "NFS" : "FUSE"}: what it says is durable may not be`;
      found.push(warning(what, "Choose a local disk: --data DIR."));
    } else found.push(await checkDirect(machine, layout, path));
  }
  return found.length === 0 ? [ok("There is no data yet")] : found;
}

async function checkDirect(machine: Site["machine"], layout: Site["layout"], path: string): Promise<Found> {
  const file = path === layout.path ? layout.clusterFile : join(path, "identity.json");
  if ((await machine.stat(file))?.kind !== "file") return ok(`${path}: a disk`);
  const code = await machine.openDirect(file);
  if (code === undefined) return ok(`${path}: files can be read and written past the page cache (O_DIRECT)`);
  const what = `${path}: its file system refuses O_DIRECT (${code}), so data goes through the page cache`;
  return warning(what, "ext4 and xfs can; large transfers are slower without.");
}
