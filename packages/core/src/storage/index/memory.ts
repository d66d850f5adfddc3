/** The object index in memory: the plainest right implementation, for simulations and as the measure of the other one. */
import { SkerryError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import type {
  ChunkRef,
  IndexChange,
  IndexOp,
  IndexTotals,
  ListObjectsOptions,
  ObjectIndex,
  ObjectInfo,
  ObjectPage,
  ObjectPlace,
  ObjectRecord,
} from "../../domain/objects.ts";
import { afterPrefix, commonPrefixOf, firstKey } from "./keys.ts";
import {
  assertAfter,
  assertBatch,
  assertCondition,
  assertCursor,
  assertLimit,
  assertListing,
  bucketMissing,
  bucketNotEmpty,
  chunkExists,
  indexClosed,
  pageLimit,
} from "./rules.ts";

interface StoredObject {
  readonly info: ObjectInfo;
  readonly chunks: readonly string[];
}

interface Shard {
  readonly objects: Map<string, StoredObject>;
  /** Keys in byte order; absent after a change. */
  sorted?: { readonly key: string; readonly bytes: Buffer }[] | undefined;
}

interface StoredChunk {
  readonly ref: ChunkRef;
  /** In the order in which chunks were put. */
  readonly number: number;
  /** Undefined while an object refers to it. */
  readonly garbageSince: number | undefined;
  /** The shard that it was written for; a bucket that is made again is another shard. */
  readonly shard: Shard;
}

type ChunkState = ChunkRef & { readonly referenced: boolean };

export interface MemoryIndexOptions {
  /** Default `LIMITS.index.keepChanges`. */
  readonly keepChanges?: number;
}

/** An empty object index. Nothing of it survives the process. */
export function openMemoryIndex(options: MemoryIndexOptions = {}): ObjectIndex {
  return new MemoryIndex(options.keepChanges ?? LIMITS.index.keepChanges);
}

class MemoryIndex implements ObjectIndex {
  readonly #keepChanges: number;
  readonly #shards = new Map<string, Shard>();
  readonly #chunks = new Map<string, StoredChunk>();
  readonly #changes: IndexChange[] = [];
  #cursor = 0;
  #nextChunk = 0;
  #closed = false;
  /** What takes the batch that is under way back, newest last. */
  #undo: (() => void)[] = [];

  constructor(keepChanges: number) {
    this.#keepChanges = keepChanges;
  }

  async batch(ops: readonly IndexOp[]): Promise<void> {
    this.#assertOpen();
    assertBatch(ops);
    this.#undo = [];
    try {
      for (const op of ops) this.#apply(op);
    } catch (error) {
      for (const step of this.#undo.reverse()) step();
      throw error;
    }
    this.#changes.splice(0, this.#changes.length - this.#keepChanges);
  }

  async get(bucket: string, key: string): Promise<ObjectRecord | undefined> {
    this.#assertOpen();
    const found = this.#shards.get(bucket)?.objects.get(key);
    if (found === undefined) return undefined;
    return structuredClone({ ...found.info, chunks: found.chunks.map((id) => this.#chunkThatIsThere(id).ref) });
  }

  async list(options: ListObjectsOptions): Promise<ObjectPage> {
    this.#assertOpen();
    assertListing(options);
    const limit = pageLimit(options.limit);
    const { prefix = "", delimiter = "" } = options;
    const shard = this.#shards.get(options.bucket);
    const objects: ObjectInfo[] = [];
    const prefixes: string[] = [];
    if (shard === undefined) return { objects, prefixes };
    const keys = sortedKeys(shard);
    let last: string | undefined;
    for (let at = lowerBound(keys, firstKey(options)); at < keys.length; ) {
      const key = (keys[at] as { key: string }).key;
      if (!key.startsWith(prefix)) break;
      if (objects.length + prefixes.length === limit) return { objects, prefixes, next: last as string };
      const common = commonPrefixOf(key, prefix, delimiter);
      if (common === undefined) {
        objects.push(structuredClone((shard.objects.get(key) as StoredObject).info));
        at += 1;
      } else {
        prefixes.push(common);
        at = lowerBound(keys, afterPrefix(common));
      }
      last = common ?? key;
    }
    return { objects, prefixes };
  }

  async totals(bucket?: string): Promise<IndexTotals> {
    this.#assertOpen();
    const shards =
      bucket === undefined ? [...this.#shards.values()] : [this.#shards.get(bucket)].filter((s) => s !== undefined);
    const objects = shards.flatMap((shard) => [...shard.objects.values()]);
    return {
      buckets: shards.length,
      objects: objects.length,
      sizeBytes: objects.reduce((sum, object) => sum + object.info.sizeBytes, 0),
      garbageChunks: this.#garbage().filter((chunk) => bucket === undefined || shards.includes(chunk.shard)).length,
    };
  }

  async changes(cursor: number, limit: number): Promise<readonly IndexChange[]> {
    this.#assertOpen();
    assertLimit(limit);
    assertCursor(cursor, this.#cursor - this.#changes.length, this.#cursor);
    return structuredClone(this.#changes.filter((change) => change.cursor > cursor).slice(0, limit));
  }

  async chunks(after: string, limit: number): Promise<readonly ChunkState[]> {
    this.#assertOpen();
    assertLimit(limit);
    assertAfter(after);
    const ids = [...this.#chunks.keys()].filter((id) => id > after).sort();
    return ids.slice(0, limit).map((id) => chunkState(this.#chunkThatIsThere(id)));
  }

  async chunk(id: string): Promise<ChunkState | undefined> {
    this.#assertOpen();
    const found = this.#chunks.get(id);
    return found === undefined ? undefined : chunkState(found);
  }

  async objectOf(chunk: string): Promise<ObjectPlace | undefined> {
    this.#assertOpen();
    for (const shard of this.#shards.values()) {
      for (const { info, chunks } of shard.objects.values()) {
        if (chunks.includes(chunk)) return { bucket: info.bucket, key: info.key };
      }
    }
    return undefined;
  }

  async garbage(limit: number): Promise<readonly ChunkRef[]> {
    this.#assertOpen();
    assertLimit(limit);
    return this.#garbage()
      .slice(0, limit)
      .map((chunk) => structuredClone(chunk.ref));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
  }

  #assertOpen(): void {
    if (this.#closed) throw indexClosed();
  }

  #apply(op: IndexOp): void {
    switch (op.op) {
      case "create-bucket":
        if (!this.#shards.has(op.bucket)) this.#set(this.#shards, op.bucket, { objects: new Map() });
        return;
      case "drop-bucket":
        if ((this.#shards.get(op.bucket)?.objects.size ?? 0) > 0) throw bucketNotEmpty();
        this.#set(this.#shards, op.bucket, undefined);
        return;
      case "put":
        this.#put(op.record, op);
        return;
      case "delete": {
        const shard = this.#shards.get(op.bucket);
        const current = shard?.objects.get(op.key);
        assertCondition(op.condition, current?.info.etag);
        if (shard !== undefined && current !== undefined)
          this.#remove(shard, current, this.#change("delete", current.info));
        return;
      }
      case "set-replicas": {
        const chunk = this.#chunks.get(op.chunk);
        if (chunk === undefined || chunk.garbageSince !== undefined || chunk.ref.generation !== op.generation) return;
        this.#set(this.#chunks, op.chunk, { ...chunk, ref: { ...chunk.ref, replicas: [...op.replicas] } });
        return;
      }
      case "forget-garbage":
        for (const id of op.chunks)
          if (this.#chunks.get(id)?.garbageSince !== undefined) this.#set(this.#chunks, id, undefined);
    }
  }

  #put(given: ObjectRecord, { condition }: Extract<IndexOp, { op: "put" }>): void {
    const { chunks, ...info } = structuredClone(given);
    const shard = this.#shards.get(info.bucket);
    if (shard === undefined) throw bucketMissing();
    const current = shard.objects.get(info.key);
    assertCondition(condition, current?.info.etag);
    const cursor = this.#change("put", info);
    if (current !== undefined) this.#remove(shard, current, cursor);
    for (const ref of chunks) {
      if (this.#chunks.has(ref.id)) throw chunkExists(ref.id);
      this.#nextChunk += 1;
      this.#set(this.#chunks, ref.id, { ref, number: this.#nextChunk, garbageSince: undefined, shard });
    }
    this.#setObject(shard, info.key, { info, chunks: chunks.map((chunk) => chunk.id) });
  }

  #remove(shard: Shard, current: StoredObject, cursor: number): void {
    this.#setObject(shard, current.info.key, undefined);
    for (const id of current.chunks) {
      this.#set(this.#chunks, id, { ...this.#chunkThatIsThere(id), garbageSince: cursor });
    }
  }

  #change(type: IndexChange["type"], { bucket, key, version }: ObjectInfo): number {
    this.#cursor += 1;
    this.#changes.push({ cursor: this.#cursor, type, bucket, key, version });
    this.#undo.push(() => {
      this.#cursor -= 1;
      this.#changes.pop();
    });
    return this.#cursor;
  }

  #setObject(shard: Shard, key: string, value: StoredObject | undefined): void {
    this.#set(shard.objects, key, value);
    shard.sorted = undefined;
    this.#undo.push(() => {
      shard.sorted = undefined;
    });
  }

  #set<V>(map: Map<string, V>, key: string, value: V | undefined): void {
    const before = map.get(key);
    this.#undo.push(() => (before === undefined ? map.delete(key) : map.set(key, before)));
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }

  #chunkThatIsThere(id: string): StoredChunk {
    const chunk = this.#chunks.get(id);
    if (chunk === undefined)
      throw new SkerryError("internal/corrupt", `The chunk ${id} of an object is not in the index.`);
    return chunk;
  }

  #garbage(): StoredChunk[] {
    return [...this.#chunks.values()]
      .filter((chunk) => chunk.garbageSince !== undefined)
      .sort((a, b) => (a.garbageSince as number) - (b.garbageSince as number) || a.number - b.number);
  }
}

function chunkState(chunk: StoredChunk): ChunkState {
  return { ...structuredClone(chunk.ref), referenced: chunk.garbageSince === undefined };
}

function sortedKeys(shard: Shard): { readonly key: string; readonly bytes: Buffer }[] {
  shard.sorted ??= [...shard.objects.keys()]
    .map((key) => ({ key, bytes: Buffer.from(key) }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes));
  return shard.sorted;
}

/** Index of the first key that is not before `start`. */
function lowerBound(keys: readonly { readonly bytes: Buffer }[], start: Buffer): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (Buffer.compare((keys[middle] as { bytes: Buffer }).bytes, start) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
