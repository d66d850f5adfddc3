/**
 * Looks at every row of the index: each must match its checksum and stand in its place, and all together must be what the
 * counters say. A read looks only at the rows beside its way, and SQLite has no checksums of pages: a damaged one may have
 * lost rows that nobody asks for.
 */
import type { DatabaseSync } from "node:sqlite";
import { crc32c } from "@node-rs/crc32";
import { Lookups } from "./lookups.ts";
import { bucketOf, changeOf, chunkOf, damaged, type IndexState, objectOf, type Row } from "./rows.ts";
import { prepare, readState } from "./schema.ts";

const PAGE = 1000;
/** The log is not used again from its start while an old state is read: less than a writer on a full disk waits for that. */
const SNAPSHOT_MS = 2000;

export interface IndexFindings {
  readonly objects: number;
  readonly chunks: number;
  /** Nothing was committed meanwhile, so that counts were compared too. */
  readonly complete: boolean;
}

interface Counts {
  objects: number;
  sizeBytes: number;
  chunks: number;
}

/** To stop it, end the thread. @throws `internal/corrupt`, and what SQLite throws. */
export function verifyIndex(db: DatabaseSync, snapshotMs = SNAPSHOT_MS): IndexFindings {
  return new Verification(db, snapshotMs).run();
}

class Verification {
  readonly #db: DatabaseSync;
  readonly #lookups: Lookups;
  readonly #snapshotMs: number;
  #state: IndexState;
  #complete = true;
  #sinceMs = performance.now();

  constructor(db: DatabaseSync, snapshotMs: number) {
    this.#db = db;
    this.#lookups = new Lookups(db);
    this.#snapshotMs = snapshotMs;
    db.exec("BEGIN");
    this.#state = readState(db);
  }

  run(): IndexFindings {
    this.#changes();
    const byBucket = this.#objects();
    const chunks = this.#chunks();
    const total: Counts = { objects: 0, sizeBytes: 0, chunks: 0 };
    for (const counts of byBucket.values()) {
      total.objects += counts.objects;
      total.sizeBytes += counts.sizeBytes;
      total.chunks += counts.chunks;
    }
    const buckets = this.#buckets(byBucket);
    this.#assertCount(buckets === this.#state.buckets, "buckets");
    this.#assertCount(total.objects === this.#state.objects && total.sizeBytes === this.#state.sizeBytes, "objects");
    this.#assertCount(chunks.referenced === total.chunks && chunks.garbage === this.#state.garbageChunks, "chunks");
    this.#db.exec("COMMIT");
    return { objects: total.objects, chunks: chunks.referenced + chunks.garbage, complete: this.#complete };
  }

  #changes(): void {
    let last = this.#state.trimmed;
    for (const row of this.#rows("SELECT * FROM changes WHERE cursor > ? ORDER BY cursor LIMIT ?", last)) {
      const { cursor } = changeOf(row);
      // What lies between two pages may have been trimmed meanwhile.
      if (cursor !== last + 1 && cursor !== this.#state.trimmed + 1) throw damaged("some of its changes are missing");
      last = cursor;
    }
    if (last !== this.#state.cursor) throw damaged("its newest changes are missing");
  }

  /** By the number of the bucket. */
  #objects(): Map<number, Counts> {
    const byBucket = new Map<number, Counts>();
    let last: Uint8Array = Buffer.alloc(0);
    for (const row of this.#rows("SELECT * FROM objects WHERE place > ? ORDER BY place, version DESC LIMIT ?", last)) {
      const { place, bucket, sizeBytes, chunkCount } = objectOf(row);
      if (Buffer.compare(last, place) >= 0) throw damaged("its objects are out of order");
      last = place;
      const counts = byBucket.get(bucket) ?? { objects: 0, sizeBytes: 0, chunks: 0 };
      counts.objects += 1;
      counts.sizeBytes += sizeBytes;
      counts.chunks += chunkCount;
      byBucket.set(bucket, counts);
    }
    return byBucket;
  }

  /** The table and the index of its ids must name the same. */
  #chunks(): { referenced: number; garbage: number } {
    const count = { referenced: 0, garbage: 0 };
    let ids = 0;
    let last = 0;
    for (const row of this.#rows("SELECT * FROM chunks WHERE number > ? ORDER BY number LIMIT ?", last)) {
      const { id, number, garbageSince } = chunkOf(row);
      if (number <= last) throw damaged("its chunks are out of order");
      last = number;
      count[garbageSince === null ? "referenced" : "garbage"] += 1;
      ids ^= crc32c(`${id} ${number}`);
    }
    let lastId: Uint8Array = Buffer.alloc(0);
    for (const [id, number] of this.#rows("SELECT id, number FROM chunks WHERE id > ? ORDER BY id LIMIT ?", lastId)) {
      const bytes = Buffer.from(id as Uint8Array);
      if (Buffer.compare(lastId, bytes) >= 0) throw damaged("the ids of its chunks are out of order");
      lastId = bytes;
      ids ^= crc32c(`${bytes.toString("hex")} ${number}`);
    }
    this.#assertCount(ids === 0, "chunk ids");
    return count;
  }

  /** How many. */
  #buckets(byBucket: ReadonlyMap<number, Counts>): number {
    let buckets = 0;
    for (const row of this.#rows("SELECT * FROM buckets WHERE number > ? ORDER BY number LIMIT ?", 0)) {
      const { number, uid, objects, sizeBytes } = bucketOf(row);
      if (this.#lookups.bucket(uid)?.number !== number) throw damaged("a bucket is not found by its uid");
      const counts = byBucket.get(number) ?? { objects: 0, sizeBytes: 0 };
      this.#assertCount(objects === counts.objects && sizeBytes === counts.sizeBytes, "objects of a bucket");
      buckets += 1;
    }
    return buckets;
  }

  /** Page by page; `sql` takes the key, its first column, after which a page begins, and the size of a page. */
  *#rows(sql: string, first: number | Uint8Array): Generator<Row, void, undefined> {
    const statement = prepare(this.#db, sql);
    for (let after = first; ; ) {
      const rows = statement.all(after, PAGE) as unknown as Row[];
      yield* rows;
      if (rows.length < PAGE) return;
      after = (rows.at(-1) as Row)[0] as number | Uint8Array;
      this.#renew();
    }
  }

  #renew(): void {
    if (performance.now() - this.#sinceMs < this.#snapshotMs) return;
    const { commits } = this.#state;
    this.#db.exec("COMMIT; BEGIN");
    this.#state = readState(this.#db);
    this.#sinceMs = performance.now();
    if (this.#state.commits !== commits) this.#complete = false;
  }

  #assertCount(holds: boolean, what: string): void {
    if (this.#complete && !holds) throw damaged(`its count of ${what} is not that of its rows`);
  }
}
