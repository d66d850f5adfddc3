/** Removes the chunks that no object refers to any more. */
import type { Job, JobContext } from "../domain/jobs.ts";
import { LIMITS } from "../domain/limits.ts";
import type { ChunkRef, ObjectIndex } from "../domain/objects.ts";
import type { Logger, Metrics } from "../domain/telemetry.ts";
import type { ChunkServer } from "./chunkserver.ts";
import type { Pins } from "./pins.ts";

const { garbageBatch, maxPageEntries } = LIMITS.objects;

export interface GarbageOptions {
  readonly index: ObjectIndex;
  readonly servers: readonly ChunkServer[];
  readonly pins: Pins;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** As in `UploadWorld`. */
  readonly active: Set<string>;
}

/**
 * A chunk is forgotten only when every chunkserver that may hold it has removed it, durably: what a chunkserver that is
 * away still holds would otherwise stay for ever. Works on a full disk: it only removes.
 */
export function createGarbageJob(options: GarbageOptions): Job {
  const countRemoved = options.metrics.counter("skerry_storage_removed_chunks_total", "Chunks removed as garbage.");
  return {
    name: "storage.garbage",
    summary: "Removes chunks of objects that were deleted or overwritten",
    everyMs: LIMITS.objects.garbageEveryMs,
    run: (context) => collect(options, countRemoved, context),
  };
}

async function collect(
  options: GarbageOptions,
  countRemoved: (amount?: number) => void,
  { signal, progress }: JobContext,
): Promise<void> {
  const { index, pins, active } = options;
  let removed = 0;
  /** Garbage at the head of the list that cannot go yet: pinned, in repair, or on a chunkserver that is away. */
  const held = new Set<string>();
  for (;;) {
    signal.throwIfAborted();
    const page = await index.garbage(Math.min(maxPageEntries, held.size + garbageBatch));
    await pins.lookupsDone();
    const fresh = page.filter((chunk) => !held.has(chunk.id));
    if (fresh.length === 0) return;
    const due = fresh.filter((chunk) => !pins.has(chunk.id) && !active.has(chunk.id));
    for (const chunk of due) active.add(chunk.id);
    try {
      const gone = await removeEverywhere(options, due);
      if (gone.length > 0) await index.batch([{ op: "forget-garbage", chunks: gone }]);
      const forgotten = new Set(gone);
      for (const chunk of fresh) if (!forgotten.has(chunk.id)) held.add(chunk.id);
      removed += gone.length;
      countRemoved(gone.length);
    } finally {
      for (const chunk of due) active.delete(chunk.id);
    }
    progress(`${removed} chunks removed, ${held.size} must wait`);
  }
}

/** Ids of the chunks that no chunkserver holds any more. */
async function removeEverywhere({ servers, log }: GarbageOptions, chunks: readonly ChunkRef[]): Promise<string[]> {
  if (chunks.length === 0) return [];
  const notFrom = new Set<string>();
  await Promise.all(
    servers.map(async (server) => {
      try {
        await server.remove(chunks);
      } catch (error) {
        notFrom.add(server.name);
        if (server.state.available) log.warn({ server: server.name, error }, "garbage could not be removed");
      }
    }),
  );
  return chunks.filter((chunk) => !chunk.replicas.some((name) => notFrom.has(name))).map((chunk) => chunk.id);
}
