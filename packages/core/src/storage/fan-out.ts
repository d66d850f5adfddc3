/** One chunk on its way to several chunkservers at once. A chunkserver that fails is dropped; a quorum must stay. */
import { isError, SkerryError, toSkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { ChunkId, ChunkSeal } from "./chunk-format.ts";
import type { ChunkServer, ChunkWriter } from "./chunkserver.ts";

const { replicas, writeQuorum } = LIMITS.objects;

interface Leg {
  readonly server: ChunkServer;
  readonly writer: ChunkWriter;
}

export interface LegFailure {
  readonly server: string;
  readonly error: SkerryError;
}

export class FanOut {
  readonly chunk: ChunkId;
  readonly failures: LegFailure[] = [];
  readonly #legs = new Set<Leg>();
  readonly #aborts: Promise<void>[] = [];

  private constructor(chunk: ChunkId) {
    this.chunk = chunk;
  }

  /** Stages the chunk on the first `candidates` that take it. @throws as `assertQuorum`; then nothing is staged. */
  static async open(chunk: ChunkId, candidates: readonly ChunkServer[]): Promise<FanOut> {
    const fanOut = new FanOut(chunk);
    const rest = [...candidates];
    while (fanOut.#legs.size < replicas && rest.length > 0) {
      const batch = rest.splice(0, replicas - fanOut.#legs.size);
      await Promise.all(batch.map((server) => fanOut.#stage(server)));
    }
    try {
      fanOut.assertQuorum();
    } catch (error) {
      await fanOut.abort();
      throw error;
    }
    return fanOut;
  }

  /** The chunkservers that have not failed. */
  get servers(): ChunkServer[] {
    return [...this.#legs].map((leg) => leg.server);
  }

  async #stage(server: ChunkServer): Promise<void> {
    try {
      this.#legs.add({ server, writer: await server.stage(this.chunk) });
    } catch (error) {
      this.failures.push({ server: server.name, error: toSkerryError(error) });
    }
  }

  /** Resolves when every leg has the bytes or has failed; `pages` is then free again. Never rejects. */
  async write(pages: Uint8Array, sizeBytes: number): Promise<void> {
    await this.#onEach((leg) => leg.writer.write(pages, sizeBytes));
  }

  /** Names of the chunkservers that hold the sealed replica durably. @throws as `assertQuorum`. */
  async seal(seal: ChunkSeal): Promise<readonly string[]> {
    await this.#onEach((leg) => leg.writer.seal(seal));
    await Promise.all(this.#aborts);
    this.assertQuorum();
    return this.servers.map((server) => server.name).sort();
  }

  /** Leaves nothing staged. Never rejects. */
  async abort(): Promise<void> {
    for (const leg of [...this.#legs]) this.#drop(leg);
    await Promise.all(this.#aborts);
  }

  /** @throws `exhausted/disk` when room on disks is all that is missing, else `unavailable/replicas`. */
  assertQuorum(): void {
    if (this.#legs.size >= writeQuorum) return;
    const full = this.failures.filter(({ error }) => isError(error, "exhausted/disk"));
    const others = this.failures.filter(({ error }) => !isError(error, "exhausted/disk"));
    if (full[0] !== undefined && this.#legs.size + full.length >= writeQuorum) throw full[0].error;
    throw new SkerryError(
      "unavailable/replicas",
      `Only ${this.#legs.size} of ${replicas} copies could be written; ${writeQuorum} are needed.`,
      { hint: "`skerry status` shows the chunkservers; try again.", cause: others[0]?.error },
    );
  }

  async #onEach(action: (leg: Leg) => Promise<void>): Promise<void> {
    await Promise.all(
      [...this.#legs].map(async (leg) => {
        try {
          await action(leg);
        } catch (error) {
          if (!this.#legs.has(leg)) return;
          this.failures.push({ server: leg.server.name, error: toSkerryError(error) });
          this.#drop(leg);
        }
      }),
    );
  }

  #drop(leg: Leg): void {
    this.#legs.delete(leg);
    this.#aborts.push(leg.writer.abort());
  }
}
