/** Commits batches: many with one sync, each all or nothing. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { IndexChange, IndexOp, ObjectRecord } from "../../../domain/objects.ts";
import { assertCondition, bucketMissing, bucketNotEmpty, chunkExists, indexClosed } from "../rules.ts";
import { faultOf, isConstraint, isSharedMemoryFull } from "./faults.ts";
import { Lookups } from "./lookups.ts";
import {
  type BucketRow,
  bucketRow,
  type ChunkRow,
  changeRow,
  chunkRow,
  damaged,
  type IndexState,
  type ObjectRow,
  objectRow,
  placeOf,
  type Sealed,
  stateRow,
} from "./rows.ts";
import { readState } from "./schema.ts";

type Batch = readonly IndexOp[];
/** Undefined: done. Else what the batch was refused with. */
export type Outcome = { readonly error: unknown } | undefined;

function marks(count: number): string {
  return Array.from({ length: count }, () => "?").join(", ");
}

export class IndexWriter {
  readonly #db: DatabaseSync;
  readonly #lookups: Lookups;
  readonly #keepChanges: number;
  readonly #writeState: StatementSync;
  readonly #insertBucket: StatementSync;
  readonly #writeBucket: StatementSync;
  readonly #dropBucket: StatementSync;
  readonly #insertObject: StatementSync;
  readonly #deleteObject: StatementSync;
  readonly #insertChunk: StatementSync;
  readonly #writeChunk: StatementSync;
  readonly #deleteChunk: StatementSync;
  readonly #insertChange: StatementSync;
  readonly #trimChanges: StatementSync;
  /** As committed, plus what the commit under way has done so far. */
  #state: IndexState;
  /** Buckets whose totals the batch under way has changed. */
  #touched = new Map<number, BucketRow>();
  #dirty = false;

  constructor(db: DatabaseSync, keepChanges: number) {
    this.#db = db;
    this.#lookups = new Lookups(db);
    this.#keepChanges = keepChanges;
    this.#state = readState(db);
    this.#writeState = db.prepare(`REPLACE INTO state VALUES (${marks(11)})`);
    this.#insertBucket = db.prepare(`INSERT INTO buckets VALUES (${marks(6)})`);
    this.#writeBucket = db.prepare("UPDATE buckets SET objects = ?, size = ?, garbage = ?, crc = ? WHERE number = ?");
    this.#dropBucket = db.prepare("DELETE FROM buckets WHERE number = ?");
    this.#insertObject = db.prepare(`INSERT INTO objects VALUES (${marks(11)})`);
    this.#deleteObject = db.prepare("DELETE FROM objects WHERE place = ? AND version = ?");
    this.#insertChunk = db.prepare(`INSERT INTO chunks VALUES (${marks(10)})`);
    this.#writeChunk = db.prepare("UPDATE chunks SET replicas = ?, garbage = ?, crc = ? WHERE number = ?");
    this.#deleteChunk = db.prepare("DELETE FROM chunks WHERE number = ?");
    this.#insertChange = db.prepare(`INSERT INTO changes VALUES (${marks(6)})`);
    this.#trimChanges = db.prepare("DELETE FROM changes WHERE cursor <= ?");
  }

  /** Number of the last commit. */
  get commits(): number {
    return this.#state.commits;
  }

  /**
   * Applies the batches in their order and makes them durable with one sync. A batch that is refused leaves nothing and
   * does not touch its neighbours. When it throws an error of SQLite that says the disk is full, all batches have been
   * taken back; after any other they may show at the next start.
   */
  commit(batches: readonly Batch[]): Outcome[] {
    const before = { ...this.#state };
    let committing = false;
    this.#dirty = false;
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const outcomes = batches.map((batch) => this.#applyAll(batch));
      if (!this.#dirty) {
        this.#db.exec("ROLLBACK"); // nothing to make durable
        return outcomes;
      }
      this.#trim();
      this.#state.commits += 1;
      this.#writeState.run(...stateRow(this.#state));
      committing = true;
      this.#db.exec("COMMIT");
      return outcomes;
    } catch (error) {
      this.#state = before;
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      if (committing && isSharedMemoryFull(error)) this.#overwriteLog();
      throw error;
    }
  }

  /**
   * The frames of a commit that failed are whole in the log: a recovery would bring back what is refused now. A small
   * commit takes the place of the first of them, and the rest counts no more. The checkpoint gives it room in the log's
   * index even where that one is full to its last entry. @throws `unavailable/closed`.
   */
  #overwriteLog(): void {
    try {
      this.#checkpointAsRoomAllows();
      const state = { ...this.#state, commits: this.#state.commits + 1 };
      this.#db.exec("BEGIN IMMEDIATE");
      this.#writeState.run(...stateRow(state));
      this.#db.exec("COMMIT");
      this.#state = state;
    } catch (error) {
      throw indexClosed(error);
    }
  }

  #checkpointAsRoomAllows(): void {
    try {
      this.checkpoint();
    } catch (error) {
      if (faultOf(error) !== "full") throw error;
    }
  }

  /** Moves what is in the log to the database, so that the log's room can be used again. */
  checkpoint(): void {
    this.#db.exec("PRAGMA wal_checkpoint(RESTART)");
  }

  #applyAll(batch: Batch): Outcome {
    const before = { ...this.#state };
    const dirtyBefore = this.#dirty;
    this.#touched.clear();
    this.#db.exec("SAVEPOINT batch");
    try {
      for (const op of batch) this.#apply(op);
      for (const bucket of this.#touched.values()) {
        const [number, , ...totals] = bucketRow(bucket);
        this.#writeBucket.run(...totals, number as number);
      }
      this.#db.exec("RELEASE batch");
      return undefined;
    } catch (error) {
      const refused = (error as { code?: string }).code !== "ERR_SQLITE_ERROR" && this.#db.isTransaction;
      if (!refused) throw error;
      this.#state = before;
      this.#dirty = dirtyBefore;
      this.#db.exec("ROLLBACK TO batch; RELEASE batch");
      return { error };
    }
  }

  #apply(op: IndexOp): void {
    switch (op.op) {
      case "create-bucket":
        this.#createBucket(op.bucket);
        return;
      case "drop-bucket":
        this.#removeBucket(op.bucket);
        return;
      case "put":
        this.#put(op);
        return;
      case "delete":
        this.#delete(op);
        return;
      case "set-replicas": {
        const chunk = this.#lookups.chunk(op.chunk);
        if (chunk === undefined || chunk.garbageSince !== null || chunk.generation !== op.generation) return;
        this.#updateChunk({ ...chunk, replicas: op.replicas });
        return;
      }
      case "forget-garbage":
        for (const id of op.chunks) this.#forget(id);
    }
  }

  #createBucket(uid: string): void {
    if (this.#lookups.bucket(uid) !== undefined) return;
    this.#dirty = true;
    this.#state.buckets += 1;
    this.#state.bucketNumber += 1;
    const bucket = { number: this.#state.bucketNumber, uid, objects: 0, sizeBytes: 0, garbageChunks: 0 };
    this.#insertBucket.run(...bucketRow(bucket));
  }

  #removeBucket(uid: string): void {
    const bucket = this.#lookups.bucket(uid);
    if (bucket === undefined) return;
    if (this.#lookups.objectFrom(placeOf(bucket.number, Buffer.alloc(0)))?.bucket === bucket.number)
      throw bucketNotEmpty();
    if (this.#total(bucket.number)?.objects !== 0) throw damaged("a bucket counts objects that are not there");
    this.#dirty = true;
    this.#dropBucket.run(bucket.number);
    this.#touched.delete(bucket.number);
    this.#state.buckets -= 1;
  }

  #put({ record, condition }: Extract<IndexOp, { op: "put" }>): void {
    const bucket = this.#lookups.bucket(record.bucket);
    if (bucket === undefined) throw bucketMissing();
    const current = this.#lookups.object(bucket.number, record.key);
    assertCondition(condition, current?.etag);
    const cursor = this.#change("put", record);
    if (current !== undefined) this.#remove(current, cursor);
    this.#insertObject.run(...objectRow(record, bucket.number, cursor, this.#state.chunkNumber + 1));
    this.#insertChunks(record, bucket.number, cursor);
    this.#add(bucket.number, { objects: 1, sizeBytes: record.sizeBytes });
  }

  #insertChunks(record: ObjectRecord, bucket: number, putCursor: number): void {
    for (const chunk of record.chunks) {
      this.#state.chunkNumber += 1;
      const row = { ...chunk, number: this.#state.chunkNumber, bucket, putCursor, garbageSince: null };
      try {
        this.#insertChunk.run(...chunkRow(row));
      } catch (error) {
        throw isConstraint(error) ? chunkExists(chunk.id) : error;
      }
    }
  }

  #delete({ bucket: uid, key, condition }: Extract<IndexOp, { op: "delete" }>): void {
    const bucket = this.#lookups.bucket(uid);
    const current = bucket === undefined ? undefined : this.#lookups.object(bucket.number, key);
    assertCondition(condition, current?.etag);
    if (current === undefined) return;
    this.#remove(current, this.#change("delete", { bucket: uid, key, version: current.version }));
  }

  /** Takes an object out; from now on its chunks are garbage. */
  #remove(object: ObjectRow, cursor: number): void {
    const chunks = this.#lookups.chunksOf(object);
    for (const chunk of chunks) this.#updateChunk({ ...chunk, garbageSince: cursor });
    this.#deleteObject.run(object.place, object.version);
    this.#add(object.bucket, { objects: -1, sizeBytes: -object.sizeBytes, garbageChunks: chunks.length });
  }

  #forget(id: string): void {
    const chunk = this.#lookups.chunk(id);
    if (chunk === undefined || chunk.garbageSince === null) return;
    this.#dirty = true;
    this.#deleteChunk.run(chunk.number);
    this.#add(chunk.bucket, { garbageChunks: -1 });
  }

  #updateChunk(chunk: ChunkRow): void {
    this.#dirty = true;
    const row: Sealed = chunkRow(chunk);
    this.#writeChunk.run(JSON.stringify(chunk.replicas), chunk.garbageSince, row.at(-1) as number, chunk.number);
  }

  #change(type: IndexChange["type"], { bucket, key, version }: Omit<IndexChange, "cursor" | "type">): number {
    this.#dirty = true;
    this.#state.cursor += 1;
    this.#insertChange.run(...changeRow({ cursor: this.#state.cursor, type, bucket, key, version }));
    return this.#state.cursor;
  }

  /** Counts for the whole index and for the bucket; one that is gone counts no more. */
  #add(bucket: number, delta: { objects?: number; sizeBytes?: number; garbageChunks?: number }): void {
    for (const total of [this.#state, this.#total(bucket)]) {
      if (total === undefined) continue;
      total.objects += delta.objects ?? 0;
      total.sizeBytes += delta.sizeBytes ?? 0;
      total.garbageChunks += delta.garbageChunks ?? 0;
    }
  }

  /** The totals of a bucket as the batch under way sees them; written at its end. */
  #total(bucket: number): BucketRow | undefined {
    const known = this.#touched.get(bucket) ?? this.#lookups.bucketByNumber(bucket);
    if (known !== undefined) this.#touched.set(bucket, known);
    return known;
  }

  #trim(): void {
    const last = this.#state.cursor - this.#keepChanges;
    if (last <= this.#state.trimmed) return;
    this.#trimChanges.run(last);
    this.#state.trimmed = last;
  }
}
