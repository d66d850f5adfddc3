/** The queries of the object index, over a connection of their own: a page never waits for a commit. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type {
  ChunkRef,
  IndexChange,
  IndexTotals,
  ListObjectsOptions,
  ObjectInfo,
  ObjectPage,
  ObjectPlace,
  ObjectRecord,
} from "../../../domain/objects.ts";
import { afterPrefix, commonPrefixOf, firstKey } from "../keys.ts";
import { assertCursor, pageLimit } from "../rules.ts";
import { Folders } from "./folders.ts";
import { Lookups } from "./lookups.ts";
import {
  type ChunkRow,
  changeOf,
  chunkOf,
  chunkRef,
  damaged,
  HOLDER,
  holderBounds,
  type IndexState,
  objectInfo,
  objectOf,
  placeOf,
  type Row,
  stateOf,
} from "./rows.ts";
import { getRow, prepare } from "./schema.ts";

/** Common prefixes in a row that are sought one by one: a statement for many costs as much before its first as seven do. */
const SINGLE_SEEKS = 7;

export type ChunkState = ChunkRef & { readonly referenced: boolean };

export class IndexReader {
  readonly #db: DatabaseSync;
  readonly #lookups: Lookups;
  readonly #folders: Folders;
  readonly #state: StatementSync;
  readonly #objects: StatementSync;
  readonly #changes: StatementSync;
  readonly #chunks: StatementSync;
  readonly #holder: StatementSync;
  readonly #garbage: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#lookups = new Lookups(db);
    this.#folders = new Folders(db, this.#lookups);
    this.#state = prepare(db, "SELECT * FROM state");
    // Without an upper bound: the row that ends a page must pass its checksum too, else a flipped byte could end it early.
    this.#objects = prepare(db, "SELECT * FROM objects WHERE place >= ? ORDER BY place, version DESC");
    this.#changes = prepare(db, "SELECT * FROM changes WHERE cursor > ? ORDER BY cursor LIMIT ?");
    this.#chunks = prepare(db, "SELECT * FROM chunks WHERE id > ? ORDER BY id LIMIT ?");
    this.#holder = prepare(db, HOLDER);
    this.#garbage = prepare(db, "SELECT * FROM chunks WHERE garbage IS NOT NULL ORDER BY garbage, number LIMIT ?");
  }

  /** Runs `reads` on one state of the index, the newest durable one. */
  snapshot<T>(reads: () => T): T {
    this.#db.exec("BEGIN");
    try {
      return reads();
    } finally {
      if (this.#db.isTransaction) this.#db.exec("COMMIT");
    }
  }

  get(bucket: string, key: string): ObjectRecord | undefined {
    const shard = this.#lookups.bucket(bucket);
    const found = shard === undefined ? undefined : this.#lookups.object(shard.number, key);
    if (found === undefined) return undefined;
    return { ...objectInfo(found, bucket), chunks: this.#lookups.chunksOf(found).map(chunkRef) };
  }

  /** One walk, and a seek for each common prefix: what lies under a common prefix is never read. */
  list(options: ListObjectsOptions): ObjectPage {
    const limit = pageLimit(options.limit);
    const { prefix = "", delimiter = "" } = options;
    const objects: ObjectInfo[] = [];
    const prefixes: string[] = [];
    const shard = this.#lookups.bucket(options.bucket);
    if (shard === undefined) return { objects, prefixes };
    let last: string | undefined;
    let lastKey: string | undefined;
    let inARow = 0;
    let singleSeeks = SINGLE_SEEKS;
    for (let from: Buffer | undefined = firstKey(options); from !== undefined; ) {
      let place: Uint8Array = placeOf(shard.number, from);
      this.#lookups.verifyBefore(place);
      const rows = this.#objects.iterate(place) as unknown as Iterable<Row>;
      from = undefined;
      for (const row of rows) {
        const found = objectOf(row);
        if (found.bucket !== shard.number || !found.key.startsWith(prefix)) break;
        if (found.key === lastKey) continue; // an older version
        if (Buffer.compare(found.place, place) < 0) throw damaged("its objects are out of order");
        place = found.place;
        if (objects.length + prefixes.length === limit) return { objects, prefixes, next: last as string };
        const common = commonPrefixOf(found.key, prefix, delimiter);
        last = common ?? found.key;
        if (common !== undefined) {
          prefixes.push(common);
          const left = limit - objects.length - prefixes.length;
          inARow += 1;
          if (inARow > singleSeeks && left > 0) {
            const scan = { bucket: shard.number, prefix, delimiter, after: common, limit: left };
            const more = this.#folders.following(scan);
            prefixes.push(...more);
            inARow = 0;
            if (more.length < 2 * SINGLE_SEEKS) singleSeeks *= 2; // not worth it: keys stand between
          }
          last = prefixes.at(-1) as string;
          from = afterPrefix(last);
          break;
        }
        inARow = 0;
        lastKey = found.key;
        objects.push(objectInfo(found, options.bucket));
      }
    }
    const whole = prefix === "" && options.after === undefined && prefixes.length === 0;
    if (whole && objects.length !== shard.objects) throw damaged("a bucket lacks some of its objects");
    return { objects, prefixes };
  }

  totals(bucket?: string): IndexTotals {
    if (bucket === undefined) {
      const { buckets, objects, sizeBytes, garbageChunks } = this.#readState();
      return { buckets, objects, sizeBytes, garbageChunks };
    }
    const shard = this.#lookups.bucket(bucket);
    if (shard === undefined) return { buckets: 0, objects: 0, sizeBytes: 0, garbageChunks: 0 };
    return { buckets: 1, objects: shard.objects, sizeBytes: shard.sizeBytes, garbageChunks: shard.garbageChunks };
  }

  changes(cursor: number, limit: number): IndexChange[] {
    const state = this.#readState();
    assertCursor(cursor, state.trimmed, state.cursor);
    const changes = (this.#changes.all(cursor, limit) as unknown as Row[]).map(changeOf);
    const wanted = Math.min(limit, state.cursor - cursor);
    if (changes.length !== wanted || changes.some((change, at) => change.cursor !== cursor + at + 1))
      throw damaged("some of its changes are missing");
    return changes;
  }

  chunks(after: string, limit: number): ChunkState[] {
    const from = Buffer.from(after, "hex");
    this.#lookups.verifyChunkBefore(from);
    const chunks = (this.#chunks.all(from, limit) as unknown as Row[]).map((row) => chunkState(chunkOf(row)));
    if (chunks.some((chunk, at) => chunk.id <= (at === 0 ? after : (chunks[at - 1] as ChunkState).id)))
      throw damaged("its chunks are out of order");
    return chunks;
  }

  chunk(id: string): ChunkState | undefined {
    const found = this.#lookups.chunk(id);
    return found === undefined ? undefined : chunkState(found);
  }

  objectOf(id: string): ObjectPlace | undefined {
    const chunk = this.#lookups.chunk(id);
    if (chunk === undefined || chunk.garbageSince !== null) return undefined;
    const bucket = this.#lookups.bucketByNumber(chunk.bucket);
    const row = getRow(this.#holder, ...holderBounds(chunk));
    if (bucket === undefined || row === undefined) throw damaged("a chunk has no object");
    return { bucket: bucket.uid, key: objectOf(row).key };
  }

  garbage(limit: number): ChunkRef[] {
    const chunks = (this.#garbage.all(limit) as unknown as Row[]).map(chunkOf);
    if (chunks.length !== Math.min(limit, this.#readState().garbageChunks))
      throw damaged("some of its garbage is missing");
    return chunks.map(chunkRef);
  }

  #readState(): IndexState {
    return stateOf(getRow(this.#state));
  }
}

function chunkState(row: ChunkRow): ChunkState {
  return { ...chunkRef(row), referenced: row.garbageSince === null };
}
