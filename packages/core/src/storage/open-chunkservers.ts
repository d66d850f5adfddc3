/** Opens the chunkservers that the configuration names, and keeps the registry of their directories. */
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock, Disk, Random } from "../domain/ports.ts";
import { assertName } from "../domain/resource.ts";
import type { Logger } from "../domain/telemetry.ts";
import type { ChunkServer } from "./chunkserver.ts";
import { type KnownServers, readRegistry, type ServerIdentity, writeRegistry } from "./identity.ts";
import { LocalChunkServer } from "./local-chunkserver.ts";

export interface ChunkServersOptions {
  /** One for each chunkserver, at least `LIMITS.objects.replicas`; absolute paths, made when they are new. */
  readonly directories: readonly { readonly name: string; readonly directory: string }[];
  /** Uid of the cluster, at most 32 characters. */
  readonly cluster: string;
  /** File that remembers which directories were in use, outside of all of them. Its directory must exist. */
  readonly registryFile: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/**
 * The chunkservers, those that are away among them (`state.available` false). Whoever gets them disposes them; the object
 * service does. @throws `conflict` (a directory of another cluster or chunkserver, or with foreign files),
 * `unsupported/version`, `invalid` (too few), `unavailable/replicas` (fewer than a write quorum are there),
 * `internal/corrupt` (the registry).
 */
export async function openChunkServers(options: ChunkServersOptions): Promise<readonly ChunkServer[]> {
  const { directories, disk, log, registryFile } = options;
  const { replicas, writeQuorum } = LIMITS.objects;
  if (directories.length < replicas || new Set(directories.map(({ name }) => name)).size !== directories.length) {
    throw new SkerryError("invalid", `Object storage needs ${replicas} chunkservers with different names.`);
  }
  let known: KnownServers = await readRegistry(disk, registryFile);
  let written: Promise<void> = Promise.resolve();
  const remember = ({ name, server, disk: diskUid }: ServerIdentity): Promise<void> => {
    const write = async (): Promise<void> => {
      if (known[name]?.server === server && known[name]?.disk === diskUid) return;
      const next = { ...known, [name]: { server, disk: diskUid } };
      await writeRegistry(disk, registryFile, next);
      known = next;
    };
    written = written.then(write, write);
    return written;
  };
  const servers: LocalChunkServer[] = [];
  // One after another: each may rewrite the registry, and two names must not open one directory at once.
  for (const { name, directory } of directories) {
    assertName(name, "chunkserver");
    const seen = known[name];
    const server = new LocalChunkServer(options, { name, directory, ...(seen ? { known: seen } : {}) }, remember);
    await server.open();
    servers.push(server);
    if (!server.state.available)
      log.error({ server: name, directory, reason: server.state.reason }, "chunkserver away");
  }
  const away = servers.filter((server) => !server.state.available);
  if (servers.length - away.length >= writeQuorum) return servers;
  throw new SkerryError(
    "unavailable/replicas",
    `Object storage needs ${writeQuorum} chunkservers; ${servers.length - away.length} of ${servers.length} are there.`,
    {
      hint: [
        "A backup does not hold the objects' content: after a restore, these directories must be put in their places, too.",
        ...away.map(({ state }) => `${state.name}: ${state.reason}`),
      ].join("\n"),
    },
  );
}
