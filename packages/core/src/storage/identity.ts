/**
 * Who a chunkserver's directory belongs to. The identity file is made with the directory; the registry, kept apart from all
 * of them, remembers which directories had one, so that an empty mount point is not taken for a new chunkserver.
 */
import { dirname, join } from "node:path";
import { isError, SkerryError } from "../domain/errors.ts";
import type { Clock, Disk, Random } from "../domain/ports.ts";
import { newUid } from "../domain/resource.ts";
import { systemCode } from "./disk-error.ts";

const FORMAT = 1;
const IDENTITY_FILE = "identity.json";
/** An operator makes this file in an empty directory to say: this is a new disk, fill it. */
const NEW_DISK_FILE = "new-disk";
const MAX_IDENTITY_BYTES = 64 * 1024;

export interface ServerIdentity {
  readonly format: number;
  readonly cluster: string;
  readonly name: string;
  /** Uid of the chunkserver; stays when its disk is replaced. */
  readonly server: string;
  /** Uid of this directory's making. */
  readonly disk: string;
  /** Uid of the directory that this one took the place of. */
  readonly replaces?: string;
  readonly createdAt: string;
}

export type KnownServers = Readonly<Record<string, { readonly server: string; readonly disk: string }>>;

async function readSmallFile(disk: Disk, path: string): Promise<string | undefined> {
  try {
    await using file = await disk.open(path);
    const bytes = new Uint8Array(Math.min(await file.size(), MAX_IDENTITY_BYTES));
    return Buffer.from(bytes.buffer, 0, await file.read(bytes, 0)).toString("utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Replaces a file as a whole, durably. */
async function writeSmallFile(disk: Disk, path: string, text: string): Promise<void> {
  const fresh = `${path}.new`;
  await disk.remove(fresh).catch((error: unknown) => {
    if (systemCode(error) !== "ENOENT") throw error;
  });
  {
    await using file = await disk.open(fresh, { write: true, create: "exclusive" });
    await file.write(Buffer.from(text), 0);
    await file.syncData();
  }
  await disk.rename(fresh, path);
  await disk.syncDirectory(dirname(path));
}

function parse(text: string, path: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Falls through to the one error for everything that is not a JSON object.
  }
  throw new SkerryError("internal/corrupt", `${path} is damaged: it is not what Skerry wrote there.`);
}

export interface IdentityWorld {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly cluster: string;
}

export interface DirectoryToOpen {
  readonly name: string;
  readonly directory: string;
  /** From the registry; undefined when this chunkserver was never seen. */
  readonly known?: KnownServers[string];
}

/**
 * The identity of a directory, made when the directory is new. @throws `conflict` (another cluster or chunkserver, foreign
 * files), `unsupported/version`: the configuration is wrong; `unavailable/replicas`, `internal/corrupt`, errors of the
 * disk: the disk is away or broken.
 */
export async function openIdentity(world: IdentityWorld, target: DirectoryToOpen): Promise<ServerIdentity> {
  const { disk } = world;
  const { name, directory, known } = target;
  const there = await disk.stat(directory);
  if (there === undefined && known !== undefined) {
    throw new SkerryError("unavailable/replicas", `${directory} of chunkserver ${name} is not there.`, {
      hint: `Mount its disk, or put a copy of it there. If it is lost for good: mkdir -p ${directory} && touch ${join(directory, NEW_DISK_FILE)}`,
    });
  }
  if (there === undefined) {
    await disk.makeDirectory(directory);
    await disk.syncDirectory(dirname(directory));
  } else if (there.kind !== "directory") {
    throw new SkerryError("conflict", `${directory} of chunkserver ${name} is not a directory.`);
  }
  const path = join(directory, IDENTITY_FILE);
  const text = await readSmallFile(disk, path);
  if (text !== undefined) return checkIdentity(world, target, parse(text, path));
  await assertMayInitialise(disk, target);
  const identity: ServerIdentity = {
    format: FORMAT,
    cluster: world.cluster,
    name,
    server: known?.server ?? newUid(world.random),
    disk: newUid(world.random),
    ...(known === undefined ? {} : { replaces: known.disk }),
    createdAt: new Date(world.clock.wallMs()).toISOString(),
  };
  await writeSmallFile(disk, path, `${JSON.stringify(identity, null, 2)}\n`);
  await disk.remove(join(directory, NEW_DISK_FILE)).catch(() => undefined);
  return identity;
}

async function assertMayInitialise(disk: Disk, { name, directory, known }: DirectoryToOpen): Promise<void> {
  const ours = ["lost+found", NEW_DISK_FILE, `${IDENTITY_FILE}.new`];
  const entries = await disk.readDirectory(directory);
  const foreign = entries.filter((entry) => !ours.includes(entry));
  if (foreign.length > 0 && known === undefined) {
    throw new SkerryError("conflict", `${directory} is not empty and belongs to no chunkserver.`, {
      hint: "Give an empty directory.",
    });
  }
  if (known === undefined || (foreign.length === 0 && entries.includes(NEW_DISK_FILE))) return;
  const state = foreign.length === 0 ? "is empty" : "has lost its identity file";
  throw new SkerryError("unavailable/replicas", `${directory} ${state}, but chunkserver ${name} kept replicas there.`, {
    hint: `Mount its disk. If it is a new, empty disk: touch ${join(directory, NEW_DISK_FILE)}`,
  });
}

function checkIdentity(
  world: IdentityWorld,
  { name, directory, known }: DirectoryToOpen,
  found: Record<string, unknown>,
): ServerIdentity {
  const identity = found as unknown as ServerIdentity;
  if (identity.format !== FORMAT) {
    throw new SkerryError(
      "unsupported/version",
      `${directory} has format ${identity.format}; this Skerry reads ${FORMAT}.`,
    );
  }
  if (identity.cluster !== world.cluster) {
    throw new SkerryError("conflict", `${directory} belongs to another cluster (${identity.cluster}).`, {
      hint: "Give the directory that belongs to this data directory, or an empty one.",
    });
  }
  if (identity.name !== name) {
    throw new SkerryError("conflict", `${directory} belongs to chunkserver ${identity.name}, not to ${name}.`, {
      hint: "Give the directories in their former order.",
    });
  }
  const same = known === undefined || known.disk === identity.disk || known.disk === identity.replaces;
  if (!same || (known !== undefined && known.server !== identity.server)) {
    throw new SkerryError("conflict", `${directory} is not the one that chunkserver ${name} used the last time.`);
  }
  return identity;
}

/** The registry; empty when there is none yet. @throws `internal/corrupt`. */
export async function readRegistry(disk: Disk, path: string): Promise<KnownServers> {
  const text = await readSmallFile(disk, path);
  if (text === undefined) return {};
  const { servers } = parse(text, path) as { servers?: KnownServers };
  if (typeof servers !== "object") throw new SkerryError("internal/corrupt", `${path} is damaged: it has no servers.`);
  return servers;
}

export async function writeRegistry(disk: Disk, path: string, servers: KnownServers): Promise<void> {
  await writeSmallFile(disk, path, `${JSON.stringify({ format: FORMAT, servers }, null, 2)}\n`);
}

/** Whether the configuration is wrong, so that starting must not go on, rather than a disk away. */
export function isRefusal(error: unknown): error is SkerryError {
  return isError(error, "conflict") || isError(error, "unsupported") || isError(error, "invalid");
}
