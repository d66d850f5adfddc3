/** Mends chunks that have too few good replicas. */
import { isError, SkerryError } from "../domain/errors.ts";
import type { Job, JobContext } from "../domain/jobs.ts";
import { LIMITS } from "../domain/limits.ts";
import type { ChunkRef, ObjectIndex } from "../domain/objects.ts";
import type { Random } from "../domain/ports.ts";
import type { Logger, Metrics } from "../domain/telemetry.ts";
import type { BufferPool } from "./buffer-pool.ts";
import { type ChunkId, digestText, wholePages } from "./chunk-format.ts";
import type { ChunkReader, ChunkServer } from "./chunkserver.ts";
import type { LostChunks } from "./lost.ts";
import { placementOrder } from "./placement.ts";

const { ioBytes, replicas, maxRepairQueue } = LIMITS.objects;

export interface RepairOptions {
  readonly index: ObjectIndex;
  readonly servers: readonly ChunkServer[];
  readonly pool: BufferPool;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly lost: LostChunks;
  /** As in `UploadWorld`. */
  readonly active: Set<string>;
  readonly wake: () => void;
}

/** What a look at one replica shows. `away`: cannot be said. */
type ReplicaState = "good" | "bad" | "missing" | "away";

export class Repair {
  readonly #options: RepairOptions;
  /** Chunk -> chunkservers whose replica was found bad, so that they are read in full. */
  readonly #queue = new Map<string, Set<string>>();
  #underWay = 0;
  readonly #countMended: (amount?: number) => void;
  readonly #countDropped: (amount?: number) => void;

  constructor(options: RepairOptions) {
    this.#options = options;
    const { metrics } = options;
    metrics.gauge("skerry_storage_repair_queue_chunks", "Chunks that wait for repair.", () => this.queued);
    this.#countMended = metrics.counter("skerry_storage_repaired_replicas_total", "Replicas written by repairs.");
    this.#countDropped = metrics.counter("skerry_storage_repair_dropped_total", "Repairs left to the next inventory.");
  }

  /** Chunks that wait, and the one that is being mended. */
  get queued(): number {
    return this.#queue.size + this.#underWay;
  }

  /**
   * Asks for a repair; `suspect` names a chunkserver whose replica was bad. True when that is news. When the queue is full
   * the next inventory finds the chunk again.
   */
  enqueue(chunk: ChunkId, suspect?: string): boolean {
    let suspects = this.#queue.get(chunk.id);
    const isNew = suspects === undefined || (suspect !== undefined && !suspects.has(suspect));
    if (suspects === undefined) {
      if (this.#queue.size >= maxRepairQueue) {
        this.#countDropped();
        return false;
      }
      suspects = new Set();
      this.#queue.set(chunk.id, suspects);
    }
    if (suspect !== undefined) suspects.add(suspect);
    this.#options.wake();
    return isNew;
  }

  readonly job: Job = {
    name: "storage.repair",
    summary: "Writes new copies of chunks that have too few good ones",
    everyMs: LIMITS.objects.repairEveryMs,
    run: (context) => this.#run(context),
  };

  async #run({ signal, progress }: JobContext): Promise<void> {
    await Promise.all(this.#options.servers.map((server) => server.probe()));
    let failed: unknown;
    let failures = 0;
    for (const [id, suspects] of [...this.#queue]) {
      signal.throwIfAborted();
      progress(`${this.#queue.size} chunks wait`);
      // An upload or the garbage job has it in hand; it comes again when that is done.
      if (this.#options.active.has(id)) continue;
      this.#queue.delete(id);
      this.#options.active.add(id);
      this.#underWay += 1;
      try {
        await this.#mend(id, suspects, signal);
      } catch (error) {
        if (this.#queue.size < maxRepairQueue && !this.#queue.has(id)) this.#queue.set(id, suspects);
        failed = error;
        failures += 1;
      } finally {
        this.#options.active.delete(id);
        this.#underWay -= 1;
      }
    }
    if (failures === 0) return;
    throw new SkerryError("unavailable/replicas", `${failures} chunks could not be mended yet.`, { cause: failed });
  }

  /** @throws when the chunk has fewer good replicas than it should afterwards. */
  async #mend(id: string, suspects: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const { index, log, lost, servers } = this.#options;
    const chunk = await index.chunk(id);
    if (chunk === undefined || !chunk.referenced) return lost.delete(id);
    const states = new Map<string, ReplicaState>();
    for (const name of chunk.replicas) states.set(name, await this.#look(chunk, name, suspects.has(name)));
    const withState = (state: ReplicaState): string[] =>
      [...states.keys()].filter((name) => states.get(name) === state);
    const good = withState("good");
    if (good.length === 0) {
      const away = withState("away");
      if (away.length > 0 || lost.add(chunk)) {
        log.error(
          { chunk: id, away, bad: withState("bad"), missing: withState("missing") },
          "no good replica of a chunk",
        );
      }
      if (away.length === 0) return;
      // It may be good there.
      lost.delete(id);
      throw new SkerryError("unavailable/replicas", `The chunkservers with chunk ${id} are away.`);
    }
    lost.delete(id);
    const targets = this.#targets(chunk, states).slice(0, Math.max(0, replicas - good.length));
    let failure: unknown;
    for (const target of targets) {
      signal.throwIfAborted();
      try {
        await this.#copy(chunk, good, target, signal);
        good.push(target.name);
        this.#countMended();
        log.info({ chunk: id, server: target.name }, "a replica was mended");
      } catch (error) {
        failure = error;
        log.warn({ chunk: id, server: target.name, error }, "a replica could not be mended");
      }
    }
    const kept = withState("away").slice(0, Math.max(0, replicas - good.length));
    const holders = [...good, ...kept].sort();
    if (holders.join() !== [...chunk.replicas].sort().join()) {
      await index.batch([{ op: "set-replicas", chunk: id, generation: chunk.generation, replicas: holders }]);
    }
    if (good.length >= Math.min(replicas, servers.length)) return;
    throw failure ?? new SkerryError("unavailable/replicas", `Chunk ${id} has ${good.length} good replicas.`);
  }

  /** Where a new replica may go: first where one is bad or missing, then where none was. */
  #targets(chunk: ChunkRef, states: ReadonlyMap<string, ReplicaState>): ChunkServer[] {
    const order = placementOrder(this.#options.servers, this.#options.random);
    const stateOf = (server: ChunkServer): ReplicaState | undefined => states.get(server.name);
    const broken = order.filter((server) => stateOf(server) === "bad" || stateOf(server) === "missing");
    const fresh = order.filter((server) => !chunk.replicas.includes(server.name));
    return [...broken, ...fresh];
  }

  /** Checks a replica, to its last block when it is `suspect`. */
  async #look(chunk: ChunkRef, name: string, suspect: boolean): Promise<ReplicaState> {
    const server = this.#options.servers.find((one) => one.name === name);
    // A chunkserver that is no longer configured has no replica for us.
    if (server === undefined) return "missing";
    const buffer = await this.#options.pool.acquire();
    try {
      const reader = await server.openReplica(chunk, buffer, { direct: suspect });
      try {
        assertIndexed(reader, chunk);
        for (let at = 0; suspect && at < chunk.sizeBytes; at += ioBytes) {
          await reader.read(at, Math.min(ioBytes, chunk.sizeBytes - at), buffer);
        }
      } finally {
        await reader.close();
      }
      // It may be sealed and decided, but still without its lasting name.
      await server.commit(chunk);
      return "good";
    } catch (error) {
      if (isError(error, "not_found")) return "missing";
      if (!server.state.available || isError(error, "exhausted")) return "away";
      this.#options.log.warn({ chunk: chunk.id, server: name, error }, "a replica is bad and will be replaced");
      return "bad";
    } finally {
      this.#options.pool.release(buffer);
    }
  }

  /** Copies from one of `good`, checking every block, and puts what was at the target aside. */
  async #copy(chunk: ChunkRef, good: readonly string[], target: ChunkServer, signal: AbortSignal): Promise<void> {
    const { servers, pool, random } = this.#options;
    const sources = placementOrder(servers, random).filter((server) => good.includes(server.name));
    const [source] = sources;
    if (source === undefined) throw new SkerryError("unavailable/replicas", "The good replicas went away.");
    const buffer = await pool.acquire(signal);
    try {
      const reader = await source.openReplica(chunk, buffer, { direct: true });
      try {
        assertIndexed(reader, chunk);
        const writer = await target.stage(chunk);
        try {
          for (let at = 0; at < chunk.sizeBytes; at += ioBytes) {
            const content = await reader.read(at, Math.min(ioBytes, chunk.sizeBytes - at), buffer);
            const pages = buffer.subarray(0, wholePages(content.byteLength)).fill(0, content.byteLength);
            await writer.write(pages, content.byteLength);
          }
          await writer.seal({ sizeBytes: chunk.sizeBytes, digest: reader.digest, checksums: reader.checksums });
        } catch (error) {
          await writer.abort();
          throw error;
        }
      } catch (error) {
        // Found bad while it was copied: the next run reads it in full.
        if (isError(error, "internal/corrupt")) this.enqueue(chunk, source.name);
        throw error;
      } finally {
        await reader.close();
      }
    } finally {
      pool.release(buffer);
    }
    await target.quarantine(chunk);
    await target.commit(chunk);
  }
}

function assertIndexed(reader: ChunkReader, chunk: ChunkRef): void {
  if (reader.sizeBytes === chunk.sizeBytes && digestText(reader.digest) === chunk.digest) return;
  throw new SkerryError("internal/corrupt", "The replica is not the one that the index knows.");
}
