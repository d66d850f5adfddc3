/**
 * Rows of the index's tables <-> nouns. Each row ends with a crc32c over all its other columns: SQLite has no checksums
 * of its own, so that a flipped byte would be served silently.
 */
import type { SQLOutputValue } from "node:sqlite";
import { crc32c } from "@node-rs/crc32";
import { SkerryError } from "../../../domain/errors.ts";
import type { ChunkRef, IndexChange, ObjectInfo, ObjectRecord } from "../../../domain/objects.ts";

export type Row = readonly SQLOutputValue[];
export type Sealed = (null | number | string | Uint8Array)[];

export function damaged(what: string): SkerryError {
  return new SkerryError("internal/corrupt", `The object index is damaged: ${what}.`, {
    hint: "Stop the daemon, keep a copy of DATA/index, and restore the index from a backup; the chunks are untouched.",
  });
}

/** `values` with the crc32c as the last column. At most one of them is bytes. */
function seal(values: Sealed): Sealed {
  return [...values, checksum(values, values.length)];
}

/** @throws `internal/corrupt` when the last column is not the crc32c of the others. */
function verify(row: Row, table: string): void {
  if (checksum(row, row.length - 1) !== row[row.length - 1])
    throw damaged(`a row of the table ${table} does not match its checksum`);
}

function checksum(values: readonly unknown[], count: number): number {
  let crc = 0;
  let rest = "";
  for (let at = 0; at < count; at += 1) {
    const value = values[at];
    if (value instanceof Uint8Array) crc = crc32c(value as Buffer);
    else rest += typeof value === "string" ? `"${value.length}:${value}` : `,${value}`;
  }
  return crc32c(rest, crc);
}

/** What `checksum` makes of a row of the table objects after its place, as SQLite says it. */
export const OBJECT_SEALED_TEXT = `'"', length(version), ':', version, ',', size, '"', length(etag), ':', etag,
  '"', length(content_type), ':', content_type, '"', length(modified_at), ':', modified_at,
  '"', length(metadata), ':', metadata, ',', cursor, ',', first_chunk, ',', chunk_count`;

/** The same bytes with the methods of a Buffer. @throws `internal/corrupt` when the column holds something else. */
function bytesOf(column: SQLOutputValue | undefined): Buffer {
  if (!(column instanceof Uint8Array)) throw damaged("a column of bytes holds something else");
  return Buffer.from(column.buffer, column.byteOffset, column.byteLength);
}

/** Counters that span the tables; one row, written with every commit. */
export interface IndexState {
  /** Commits since the index was made. The mark file holds the last durable one. */
  commits: number;
  cursor: number;
  /** Last cursor whose change is gone. */
  trimmed: number;
  /** Last number given to a chunk, and to a bucket: never given again. */
  chunkNumber: number;
  bucketNumber: number;
  buckets: number;
  objects: number;
  sizeBytes: number;
  garbageChunks: number;
}

export const EMPTY_STATE: Readonly<IndexState> = {
  commits: 0,
  cursor: 0,
  trimmed: 0,
  chunkNumber: 0,
  bucketNumber: 0,
  buckets: 0,
  objects: 0,
  sizeBytes: 0,
  garbageChunks: 0,
};

const STATE_FIELDS = Object.keys(EMPTY_STATE) as (keyof IndexState)[];

export function stateRow(state: IndexState): Sealed {
  return seal([1, ...STATE_FIELDS.map((field) => state[field])]);
}

export function stateOf(row: Row | undefined): IndexState {
  if (row === undefined) throw damaged("its state is missing");
  verify(row, "state");
  return Object.fromEntries(STATE_FIELDS.map((field, at) => [field, row[at + 1]])) as unknown as IndexState;
}

export interface BucketRow {
  readonly number: number;
  readonly uid: string;
  objects: number;
  sizeBytes: number;
  garbageChunks: number;
}

export function bucketRow(bucket: BucketRow): Sealed {
  return seal([bucket.number, bucket.uid, bucket.objects, bucket.sizeBytes, bucket.garbageChunks]);
}

export function bucketOf(row: Row): BucketRow {
  verify(row, "buckets");
  const [number, uid, objects, sizeBytes, garbageChunks] = row as unknown as [number, string, number, number, number];
  return { number, uid, objects, sizeBytes, garbageChunks };
}

/** Where the objects of a bucket stand that have this key. Sorts by bucket, then by the bytes of the key. */
export function placeOf(bucket: number, key: Uint8Array): Buffer {
  const place = Buffer.allocUnsafe(4 + key.length);
  place.writeUInt32BE(bucket, 0);
  place.set(key, 4);
  return place;
}

export interface ObjectRow {
  readonly place: Uint8Array;
  /** Number of the bucket. */
  readonly bucket: number;
  readonly key: string;
  readonly version: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly contentType: string;
  readonly modifiedAt: string;
  /** JSON. */
  readonly metadata: string;
  /** The cursor of the put that wrote it. */
  readonly cursor: number;
  /** Its chunks have the numbers from here. */
  readonly firstChunk: number;
  readonly chunkCount: number;
}

export function objectRow(record: ObjectRecord, bucket: number, cursor: number, firstChunk: number): Sealed {
  const { key, version, sizeBytes, etag, contentType, modifiedAt, metadata, chunks } = record;
  const described = [version, sizeBytes, etag, contentType, modifiedAt, JSON.stringify(metadata)];
  return seal([placeOf(bucket, Buffer.from(key)), ...described, cursor, firstChunk, chunks.length]);
}

export function objectOf(row: Row): ObjectRow {
  verify(row, "objects");
  const place = bytesOf(row[0]);
  return {
    place,
    bucket: place.readUInt32BE(0),
    key: place.toString("utf8", 4),
    version: row[1] as string,
    sizeBytes: row[2] as number,
    etag: row[3] as string,
    contentType: row[4] as string,
    modifiedAt: row[5] as string,
    metadata: row[6] as string,
    cursor: row[7] as number,
    firstChunk: row[8] as number,
    chunkCount: row[9] as number,
  };
}

export function objectInfo(row: ObjectRow, bucket: string): ObjectInfo {
  const { key, version, sizeBytes, etag, contentType, modifiedAt, metadata } = row;
  return { bucket, key, version, sizeBytes, etag, contentType, modifiedAt, metadata: JSON.parse(metadata) };
}

export interface ChunkRow extends ChunkRef {
  readonly number: number;
  /** Number of the bucket that it was put into. */
  readonly bucket: number;
  /** The cursor of the put that brought it. */
  readonly putCursor: number;
  /** The cursor of the change that made it garbage; null while an object refers to it. */
  readonly garbageSince: number | null;
}

/** The object that has a chunk: those of one object have numbers that follow one another. */
export const HOLDER = `SELECT * FROM objects WHERE place >= ? AND place < ? AND first_chunk <= ?
  AND first_chunk + chunk_count > ? LIMIT 1`;

export function holderBounds({ bucket, number }: Pick<ChunkRow, "bucket" | "number">) {
  const none = Buffer.alloc(0);
  return [placeOf(bucket, none), placeOf(bucket + 1, none), number, number] as const;
}

export function chunkRow(chunk: ChunkRow): Sealed {
  return seal([
    chunk.number,
    Buffer.from(chunk.id, "hex"),
    chunk.generation,
    chunk.sizeBytes,
    chunk.digest,
    JSON.stringify(chunk.replicas),
    chunk.bucket,
    chunk.putCursor,
    chunk.garbageSince,
  ]);
}

export function chunkOf(row: Row): ChunkRow {
  verify(row, "chunks");
  return {
    number: row[0] as number,
    id: bytesOf(row[1]).toString("hex"),
    generation: row[2] as number,
    sizeBytes: row[3] as number,
    digest: row[4] as string,
    replicas: JSON.parse(row[5] as string),
    bucket: row[6] as number,
    putCursor: row[7] as number,
    garbageSince: row[8] as number | null,
  };
}

export function chunkRef({ id, generation, sizeBytes, digest, replicas }: ChunkRow): ChunkRef {
  return { id, generation, sizeBytes, digest, replicas };
}

export function changeRow(change: IndexChange): Sealed {
  return seal([change.cursor, change.type, change.bucket, Buffer.from(change.key), change.version]);
}

export function changeOf(row: Row): IndexChange {
  verify(row, "changes");
  return {
    cursor: row[0] as number,
    type: row[1] as IndexChange["type"],
    bucket: row[2] as string,
    key: bytesOf(row[3]).toString(),
    version: row[4] as string,
  };
}
