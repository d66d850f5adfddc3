/** Chunks of objects of which no good replica is left: their objects cannot be read. */
import { LIMITS } from "../domain/limits.ts";
import type { ChunkRef, ObjectIndex, ObjectPlace } from "../domain/objects.ts";
import type { Metrics } from "../domain/telemetry.ts";

const { maxLostChunks, maxLostShown } = LIMITS.objects;

export interface LostStatus {
  readonly chunks: number;
  /** Some of the objects that they belong to. */
  readonly objects: readonly ObjectPlace[];
}

/** What repairs have found; the inventory finds it again after a start. */
export class LostChunks {
  readonly #index: ObjectIndex;
  /** Id -> its object, once it was asked for. */
  readonly #found = new Map<string, ObjectPlace | undefined>();

  constructor({ index, metrics }: { readonly index: ObjectIndex; readonly metrics: Metrics }) {
    this.#index = index;
    const help = "Chunks of objects of which no good replica is left.";
    metrics.gauge("skerry_storage_lost_chunks", help, () => this.#found.size);
  }

  has(id: string): boolean {
    return this.#found.has(id);
  }

  /** True when that is news. Beyond `LIMITS.objects.maxLostChunks` they are only logged. */
  add({ id }: ChunkRef): boolean {
    if (this.#found.has(id)) return false;
    if (this.#found.size < maxLostChunks) this.#found.set(id, undefined);
    return true;
  }

  /** It is there again, or no object has it any more. */
  delete(id: string): void {
    this.#found.delete(id);
  }

  /** Of the ids that begin so, only these are chunks of objects. */
  keepOnly(prefix: string, referenced: ReadonlySet<string>): void {
    for (const id of this.#found.keys()) if (id.startsWith(prefix) && !referenced.has(id)) this.#found.delete(id);
  }

  /** Looks up the objects of the first few; each once, since the index walks through a bucket for it. */
  async status(): Promise<LostStatus> {
    const objects = new Map<string, ObjectPlace>();
    for (const [id, known] of [...this.#found].slice(0, maxLostShown)) {
      const place = known ?? (await this.#index.objectOf(id));
      if (place === undefined) continue;
      if (this.#found.has(id)) this.#found.set(id, place);
      objects.set(`${place.bucket}:${place.key}`, place);
    }
    return { chunks: this.#found.size, objects: [...objects.values()] };
  }
}
