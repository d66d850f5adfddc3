/**
 * Point lookups that both connections need. A miss is believed only after the rows on both sides of the gap have passed
 * their checksums: when a byte of a key has flipped, the search for that key ends beside the damaged row.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  type BucketRow,
  bucketOf,
  type ChunkRow,
  chunkOf,
  damaged,
  type ObjectRow,
  objectOf,
  placeOf,
  type Row,
} from "./rows.ts";
import { getRow, prepare } from "./schema.ts";

export class Lookups {
  readonly #bucketFrom: StatementSync;
  readonly #bucketBefore: StatementSync;
  readonly #bucketByNumber: StatementSync;
  readonly #objectFrom: StatementSync;
  readonly #objectBefore: StatementSync;
  readonly #chunkFrom: StatementSync;
  readonly #chunkBefore: StatementSync;
  readonly #chunksByNumber: StatementSync;

  constructor(db: DatabaseSync) {
    this.#bucketFrom = prepare(db, "SELECT * FROM buckets WHERE uid >= ? ORDER BY uid LIMIT 1");
    this.#bucketBefore = prepare(db, "SELECT * FROM buckets WHERE uid < ? ORDER BY uid DESC LIMIT 1");
    this.#bucketByNumber = prepare(db, "SELECT * FROM buckets WHERE number = ?");
    this.#objectFrom = prepare(db, "SELECT * FROM objects WHERE place >= ? ORDER BY place, version DESC LIMIT 1");
    this.#objectBefore = prepare(db, "SELECT * FROM objects WHERE place < ? ORDER BY place DESC, version LIMIT 1");
    this.#chunkFrom = prepare(db, "SELECT * FROM chunks WHERE id >= ? ORDER BY id LIMIT 1");
    this.#chunkBefore = prepare(db, "SELECT * FROM chunks WHERE id <= ? ORDER BY id DESC LIMIT 1");
    this.#chunksByNumber = prepare(db, "SELECT * FROM chunks WHERE number >= ? AND number < ? ORDER BY number");
  }

  bucket(uid: string): BucketRow | undefined {
    const found = optional(getRow(this.#bucketFrom, uid), bucketOf);
    if (found?.uid === uid) return found;
    optional(getRow(this.#bucketBefore, uid), bucketOf);
    return undefined;
  }

  bucketByNumber(number: number): BucketRow | undefined {
    return optional(getRow(this.#bucketByNumber, number), bucketOf);
  }

  /** The newest version of the first key at or after this place, in this bucket or a later one. */
  objectFrom(place: Uint8Array): ObjectRow | undefined {
    const found = optional(getRow(this.#objectFrom, place), objectOf);
    if (found === undefined || Buffer.compare(found.place, place) !== 0) this.verifyBefore(place);
    return found;
  }

  /** The newest version. */
  object(bucket: number, key: string): ObjectRow | undefined {
    const found = this.objectFrom(placeOf(bucket, Buffer.from(key)));
    return found?.bucket === bucket && found.key === key ? found : undefined;
  }

  /** @throws `internal/corrupt` when the row before this place is damaged. */
  verifyBefore(place: Uint8Array): void {
    optional(getRow(this.#objectBefore, place), objectOf);
  }

  chunk(id: string): ChunkRow | undefined {
    const bytes = Buffer.from(id, "hex");
    const found = optional(getRow(this.#chunkFrom, bytes), chunkOf);
    if (found?.id === id) return found;
    this.verifyChunkBefore(bytes);
    return undefined;
  }

  verifyChunkBefore(id: Uint8Array): void {
    optional(getRow(this.#chunkBefore, id), chunkOf);
  }

  /** The chunks of an object, in their order. @throws `internal/corrupt` when they are not all there. */
  chunksOf(object: ObjectRow): ChunkRow[] {
    if (object.chunkCount === 0) return [];
    const end = object.firstChunk + object.chunkCount;
    const chunks = (this.#chunksByNumber.all(object.firstChunk, end) as unknown as Row[]).map(chunkOf);
    const whole = chunks.length === object.chunkCount && chunks.every((chunk) => chunk.putCursor === object.cursor);
    if (!whole || chunks.some((chunk) => chunk.garbageSince !== null))
      throw damaged("an object lacks some of its chunks");
    return chunks;
  }
}

function optional<T>(row: Row | undefined, decode: (row: Row) => T): T | undefined {
  return row === undefined ? undefined : decode(row);
}
