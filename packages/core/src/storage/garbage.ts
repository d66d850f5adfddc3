/** Removes the chunks that no object refers to any more. */
import type { Job, JobContext } from "../domain/jobs.ts";
import { LIMITS } from "../domain/limits.ts";
import type { ChunkRef, ObjectIndex } from "../domain/objects.ts";
import type { Logger, Metrics } from "../domain/telemetry.ts";
import type { ChunkServer } from "./chunkserver.ts";
import type { LostChunks } from "./lost.ts";
import type { Pins } from "./pins.ts";

const { garbageBatch, maxPageEntries } = LIMITS.objects;

export interface GarbageOptions {
  readonly index: ObjectIndex;
  readonly servers: readonly ChunkServer[];
  readonly pins: Pins;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly lost: LostChunks;
  /** As in `UploadWorld`. */
  readonly active: Set<string>;
}

/**
 * A chunk is forgotten only when every chunkserver has removed it, durably: what one that is away may still hold would
 * otherwise stay for ever. Works on a full disk: it only removes.
 */
export class Garbage {
  readonly #options: GarbageOptions;
  readonly #countRemoved: (amount?: number) => void;

  constructor(options: GarbageOptions) {
    this.#options = options;
    const help = "Chunks removed as garbage.";
    this.#countRemoved = options.metrics.counter("skerry_storage_removed_chunks_total", help);
  }

  readonly job: Job = {
    name: "storage.garbage",
    summary: "Removes chunks of objects that were deleted or overwritten",
    everyMs: LIMITS.objects.garbageEveryMs,
    run: (context) => this.#run(context),
  };

  async #run({ signal, progress }: JobContext): Promise<void> {
    let removed = 0;
    /** At the head of the list, but not to be forgotten yet: pinned, in repair, or on a chunkserver that is away. */
    const held = new Set<string>();
    for (;;) {
      signal.throwIfAborted();
      // Beyond a whole page of held ones the inventory removes the files.
      const page = await this.#options.index.garbage(Math.min(maxPageEntries, held.size + garbageBatch));
      const fresh = page.filter((chunk) => !held.has(chunk.id));
      if (fresh.length === 0) return;
      const forgotten = await this.collect(fresh);
      for (const chunk of fresh) if (!forgotten.has(chunk.id)) held.add(chunk.id);
      removed += forgotten.size;
      progress(`${removed} chunks removed, ${held.size} must wait`);
    }
  }

  /** Removes what can go of chunks that the index has just called garbage. Gives the ids of those that are forgotten. */
  async collect(chunks: readonly ChunkRef[]): Promise<ReadonlySet<string>> {
    const { index, pins, active, lost } = this.#options;
    for (const { id } of chunks) lost.delete(id);
    await pins.lookupsDone();
    const due = chunks.filter((chunk) => !pins.has(chunk.id) && !active.has(chunk.id));
    if (due.length === 0) return new Set();
    const ids = due.map((chunk) => chunk.id);
    for (const id of ids) active.add(id);
    try {
      if (!(await this.#removeEverywhere(due))) return new Set();
      await index.batch([{ op: "forget-garbage", chunks: ids }]);
      this.#countRemoved(ids.length);
      return new Set(ids);
    } finally {
      for (const id of ids) active.delete(id);
    }
  }

  /** True when no chunkserver holds any of them any more. */
  async #removeEverywhere(chunks: readonly ChunkRef[]): Promise<boolean> {
    const { servers, log } = this.#options;
    const outcomes = await Promise.all(
      servers.map(async (server) => {
        try {
          await server.remove(chunks);
          return true;
        } catch (error) {
          if (server.state.available) log.warn({ server: server.name, error }, "garbage could not be removed");
          return false;
        }
      }),
    );
    return outcomes.every((gone) => gone);
  }
}
