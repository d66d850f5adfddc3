/** How object storage is: what `skerry status` shows. */
import { LIMITS } from "../domain/limits.ts";
import type { ObjectIndex, ObjectPlace } from "../domain/objects.ts";
import type { ChunkServer } from "./chunkserver.ts";
import type { LostChunks } from "./lost.ts";
import { copiesText } from "./placement.ts";

const { replicas, writeQuorum } = LIMITS.objects;

export interface ServerStatus {
  readonly name: string;
  readonly directory: string;
  /** full: takes no new data, deletes work. */
  readonly state: "ok" | "full" | "unavailable";
  readonly reason?: string;
  /** Equal for chunkservers on one file system. */
  readonly device?: number;
  readonly freeBytes?: number;
  readonly totalBytes?: number;
}

export interface StorageStatus {
  /** `3 copies on 1 disk` */
  readonly replicas: string;
  /** degraded: new data gets fewer copies than it should, repairs wait, or chunks are lost; unavailable: nothing can be stored. */
  readonly state: "ok" | "degraded" | "unavailable";
  readonly distinctDisks: number;
  readonly objects: number;
  readonly sizeBytes: number;
  readonly garbageChunks: number;
  readonly repairQueue: number;
  /** Committed files that the index does not know; they are left alone. */
  readonly unknownFiles: number;
  /** Chunks of objects of which no good copy is left; these objects cannot be read. */
  readonly lostChunks: number;
  /** Some of those objects. */
  readonly lostObjects: readonly ObjectPlace[];
  readonly servers: readonly ServerStatus[];
}

export async function readStatus(options: {
  readonly index: ObjectIndex;
  readonly servers: readonly ChunkServer[];
  readonly repairQueue: number;
  readonly unknownFiles: number;
  readonly lost: LostChunks;
}): Promise<StorageStatus> {
  const { index, servers, repairQueue, unknownFiles } = options;
  const [totals, shown, lost] = await Promise.all([
    index.totals(),
    Promise.all(servers.map(serverStatus)),
    options.lost.status(),
  ]);
  const writable = shown.filter((server) => server.state === "ok").length;
  const degraded = writable < Math.min(replicas, servers.length) || repairQueue > 0 || lost.chunks > 0;
  return {
    replicas: copiesText(replicas, servers),
    state: writable < writeQuorum ? "unavailable" : degraded ? "degraded" : "ok",
    distinctDisks: new Set(shown.flatMap((server) => server.device ?? [])).size,
    objects: totals.objects,
    sizeBytes: totals.sizeBytes,
    garbageChunks: totals.garbageChunks,
    repairQueue,
    unknownFiles,
    lostChunks: lost.chunks,
    lostObjects: lost.objects,
    servers: shown,
  };
}

async function serverStatus(server: ChunkServer): Promise<ServerStatus> {
  const { name, directory, device, reason } = server.state;
  const known = { name, directory, ...(device === undefined ? {} : { device }) };
  try {
    const { freeBytes, totalBytes, reserveBytes } = await server.space();
    const full = freeBytes <= reserveBytes;
    return {
      ...{ ...known, freeBytes, totalBytes },
      state: full ? "full" : "ok",
      ...(full ? { reason: "Its disk is down to the reserve: it takes no new data." } : {}),
    };
  } catch (error) {
    return { ...known, state: "unavailable", reason: reason ?? (error as Error).message };
  }
}
