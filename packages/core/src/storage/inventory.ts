/** Compares the index with what the chunkservers hold. Finds what is missing; deletes nothing that was committed. */
import type { Job, JobContext } from "../domain/jobs.ts";
import { LIMITS } from "../domain/limits.ts";
import type { ChunkRef, ObjectIndex } from "../domain/objects.ts";
import type { Logger, Metrics } from "../domain/telemetry.ts";
import { chunkFileName } from "./chunk-format.ts";
import type { ChunkServer } from "./chunkserver.ts";
import type { Garbage } from "./garbage.ts";
import type { LostChunks } from "./lost.ts";
import type { Repair } from "./repair.ts";

const { garbageBatch, maxPageEntries, replicas, inventoryEveryMs } = LIMITS.objects;
const PREFIXES = Array.from({ length: 256 }, (_, index) => index.toString(16).padStart(2, "0"));
/** Names of unknown files that one log line shows. */
const SHOWN_UNKNOWN = 5;

export interface InventoryOptions {
  readonly index: ObjectIndex;
  readonly servers: readonly ChunkServer[];
  readonly repair: Repair;
  readonly garbage: Garbage;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly lost: LostChunks;
  /** As in `UploadWorld`. */
  readonly active: Set<string>;
}

export interface Inventory {
  readonly job: Job;
  /** Files of the last whole inventory that the index does not know. */
  readonly unknownFiles: number;
}

export function createInventory(options: InventoryOptions): Inventory {
  let unknownFiles = 0;
  options.metrics.gauge(
    "skerry_storage_unknown_files",
    "Committed files that the index does not know.",
    () => unknownFiles,
  );
  return {
    get unknownFiles() {
      return unknownFiles;
    },
    job: {
      name: "storage.inventory",
      summary: "Compares the index of objects with the files on the chunkservers",
      everyMs: inventoryEveryMs,
      run: async (context) => {
        unknownFiles = await takeInventory(options, context);
      },
    },
  };
}

async function takeInventory(options: InventoryOptions, { signal, progress }: JobContext): Promise<number> {
  const { servers, log } = options;
  await Promise.all(servers.map((server) => server.probe()));
  for (const server of servers) if (server.state.available) await sweepStaging(options, server);
  const unknown: string[] = [];
  const unlisted = new Map<string, unknown>();
  let unknownCount = 0;
  for (const prefix of PREFIXES) {
    signal.throwIfAborted();
    progress(`at ${prefix} of ff`);
    const found = await compare(options, prefix, unlisted);
    unknownCount += found.length;
    unknown.push(...found.slice(0, SHOWN_UNKNOWN - unknown.length));
  }
  for (const [server, error] of unlisted) {
    log.warn({ server, error }, "replicas could not be listed; the repair looks at each of them");
  }
  if (unknownCount > 0) {
    log.warn(
      { count: unknownCount, examples: unknown },
      "files that the index does not know were found and are left alone",
    );
  }
  return unknownCount;
}

/** One 256th of all chunks. Gives the files that the index does not know; `unlisted` gets who could not list them. */
async function compare(
  { index, servers, repair, garbage, active, lost }: InventoryOptions,
  prefix: string,
  unlisted: Map<string, unknown>,
): Promise<string[]> {
  const names = new Map<string, Set<string>>();
  const unknown: string[] = [];
  // Files first: a chunk that comes afterwards is then only missing here, which the repair looks at again.
  for (const server of servers) {
    if (!server.state.available) continue;
    const listed = await server.inventory(prefix).catch((error: unknown) => {
      unlisted.set(server.name, error);
    });
    if (listed === undefined) continue;
    names.set(server.name, new Set(listed.chunks.map(chunkFileName)));
    unknown.push(...listed.strangers.map((name) => `${server.state.directory}/${name}`));
  }
  const known = new Set<string>();
  const referenced = new Set<string>();
  const dead: ChunkRef[] = [];
  for await (const chunk of chunksFrom(index, prefix)) {
    const name = chunkFileName(chunk);
    known.add(name);
    if (active.has(chunk.id)) continue;
    if (!chunk.referenced) {
      if ([...names.values()].some((files) => files.has(name))) dead.push(chunk);
      continue;
    }
    referenced.add(chunk.id);
    // Where there is none, there is still none: the queue is for those that can be helped.
    if (lost.has(chunk.id) && ![...names.values()].some((files) => files.has(name)) && names.size === servers.length)
      continue;
    const missing = chunk.replicas.some((server) => names.get(server)?.has(name) !== true);
    if (missing || chunk.replicas.length < Math.min(replicas, servers.length)) repair.enqueue(chunk);
  }
  lost.keepOnly(prefix, referenced);
  for (let at = 0; at < dead.length; at += garbageBatch) await garbage.collect(dead.slice(at, at + garbageBatch));
  for (const [server, files] of names) {
    for (const name of files) {
      if (known.has(name) || active.has(name.slice(0, 32))) continue;
      // Removed by the garbage job meanwhile, or really unknown.
      const directory = servers.find((one) => one.name === server)?.state.directory ?? server;
      unknown.push(`${directory}/chunks/${prefix}/${name}`);
    }
  }
  return unknown;
}

async function* chunksFrom(
  index: ObjectIndex,
  prefix: string,
): AsyncGenerator<ChunkRef & { readonly referenced: boolean }, void, undefined> {
  // Ids are fixed in length: the last possible one of the prefix before.
  const before = Number.parseInt(prefix, 16) - 1;
  for (let after = before < 0 ? "" : before.toString(16).padStart(2, "0").padEnd(32, "f"); ; ) {
    const page = await index.chunks(after, maxPageEntries);
    for (const chunk of page) {
      if (!chunk.id.startsWith(prefix)) return;
      yield chunk;
    }
    const last = page.at(-1);
    if (last === undefined || page.length < maxPageEntries) return;
    after = last.id;
  }
}

/**
 * Presumed abort: a staged replica that the index decided for is rolled forward, any other is removed. What this process
 * still works on is left alone, and what the chunkserver cannot do is left to the next time: a decided replica is read
 * where it is. @throws what the index throws; then nothing was decided.
 */
export async function sweepStaging(
  { index, log, active, repair }: Pick<InventoryOptions, "index" | "log" | "active" | "repair">,
  server: ChunkServer,
): Promise<void> {
  const failures: unknown[] = [];
  const onFailure = (error: unknown): void => {
    failures.push(error);
  };
  let forward = 0;
  let discarded = 0;
  for (const staged of (await server.staged().catch(onFailure)) ?? []) {
    if (active.has(staged.id)) continue;
    // Neither a repair nor the garbage job may touch it between the index's answer and what follows from it.
    active.add(staged.id);
    try {
      const chunk = await index.chunk(staged.id);
      const decided = chunk?.referenced === true && chunk.generation === staged.generation;
      if (decided && chunk.replicas.includes(server.name)) {
        await server.commit(staged).then(() => (forward += 1), onFailure);
        // A copy that a crash cut short may be under this name as well as a sealed one: the repair reads it in full.
        repair.enqueue(staged, server.name);
      } else {
        await server.discard(staged).then(() => (discarded += 1), onFailure);
      }
    } finally {
      active.delete(staged.id);
    }
  }
  if (forward + discarded > 0) {
    log.info({ server: server.name, forward, discarded }, "staged replicas of an earlier run were settled");
  }
  if (failures.length === 0) return;
  const fields = { server: server.name, failures: failures.length, error: failures[0] };
  log.warn(fields, "staged replicas of an earlier run could not be settled");
}
