/** Nouns and ports of object storage: buckets, objects, chunks, the index of them, and the servers that hold replicas. */
import type { Resource } from "./resource.ts";

/** private: who has the permission; visible: every user of the cloud may read; public: everyone may read. */
export const VISIBILITIES = ["private", "visible", "public"] as const;
export type Visibility = (typeof VISIBILITIES)[number];

export interface BucketSpec {
  readonly visibility: Visibility;
}
export interface BucketStatus {
  readonly objects: number;
  readonly sizeBytes: number;
}
export type Bucket = Resource<BucketSpec, BucketStatus>;

/** One piece of an object: up to `LIMITS.objects.chunkBytes` bytes, on several chunkservers. */
export interface ChunkRef {
  /** 32 hex digits; random, never used again. */
  readonly id: string;
  /** Fences: a replica of another generation is stale. Covered by every block's checksum. */
  readonly generation: number;
  readonly sizeBytes: number;
  /** crc32c of the content, 8 hex digits. */
  readonly digest: string;
  /** Names of the chunkservers that hold a durable replica. */
  readonly replicas: readonly string[];
}

export interface ObjectInfo {
  /** Uid of the bucket. */
  readonly bucket: string;
  readonly key: string;
  /** 26 characters; order of time. `null` versions are not there yet: the key is ready for them. */
  readonly version: string;
  readonly sizeBytes: number;
  /** MD5 of the content, 32 hex digits, as S3. Quoted only in headers. */
  readonly etag: string;
  readonly contentType: string;
  /** ISO 8601. */
  readonly modifiedAt: string;
  /** User metadata: lower-case names without the `x-amz-meta-` of the wire. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Where an object is. */
export interface ObjectPlace {
  /** Uid of the bucket. */
  readonly bucket: string;
  readonly key: string;
}

export interface ObjectRecord extends ObjectInfo {
  readonly chunks: readonly ChunkRef[];
}

/** Preconditions on the newest version of a key. Both may be given; `*` = any. ETags unquoted. */
export interface ObjectCondition {
  readonly ifMatch?: readonly string[] | "*";
  readonly ifNoneMatch?: readonly string[] | "*";
}

export interface ListObjectsOptions {
  readonly bucket: string;
  readonly prefix?: string;
  /** Keys that share what follows the prefix up to here are one common prefix. */
  readonly delimiter?: string;
  /** Keys after this one (exclusive); for a common prefix: after all keys under it. */
  readonly after?: string;
  /** Objects and common prefixes together. */
  readonly limit?: number;
}
export interface ObjectPage {
  readonly objects: readonly ObjectInfo[];
  readonly prefixes: readonly string[];
  /** Pass as `after`. Absent on the last page. */
  readonly next?: string;
}

export type IndexOp =
  /** Creates the bucket's shard; nothing when it is there. */
  | { readonly op: "create-bucket"; readonly bucket: string }
  /** @throws `conflict/not-empty`. Nothing when it is not there. */
  | { readonly op: "drop-bucket"; readonly bucket: string }
  /** The new newest version; the one before becomes garbage. @throws `not_found` (bucket), `conflict/precondition`. */
  | { readonly op: "put"; readonly record: ObjectRecord; readonly condition?: ObjectCondition }
  /** Nothing when the key is not there. @throws `conflict/precondition`. */
  | { readonly op: "delete"; readonly bucket: string; readonly key: string; readonly condition?: ObjectCondition }
  /** After a repair. Nothing unless the chunk is referenced with this generation. */
  | {
      readonly op: "set-replicas";
      readonly chunk: string;
      readonly generation: number;
      readonly replicas: readonly string[];
    }
  /** These garbage chunks are gone from every chunkserver. */
  | { readonly op: "forget-garbage"; readonly chunks: readonly string[] };

export interface IndexChange {
  readonly cursor: number;
  readonly type: "put" | "delete";
  readonly bucket: string;
  readonly key: string;
  readonly version: string;
}

/** What the object service tells when an object was stored or removed. */
export interface ObjectChange {
  /** Uid of the bucket. */
  readonly bucket: string;
  readonly key: string;
}

export interface IndexTotals {
  readonly buckets: number;
  readonly objects: number;
  readonly sizeBytes: number;
  readonly garbageChunks: number;
}

/**
 * Object metadata. Every batch is all or nothing, durable when it resolves, and linearizable. Not a driver of the
 * revisioned store: a transaction never spans the two.
 */
export interface ObjectIndex extends AsyncDisposable {
  /** @throws what the operations name; `exhausted/overload`, `exhausted/disk`, `unavailable/closed`. */
  batch(ops: readonly IndexOp[]): Promise<void>;
  get(bucket: string, key: string): Promise<ObjectRecord | undefined>;
  /** Keys in the order of their UTF-8 bytes. */
  list(options: ListObjectsOptions): Promise<ObjectPage>;
  totals(bucket?: string): Promise<IndexTotals>;
  /** Changes after `cursor` (0 = from the beginning), oldest first. @throws `conflict/compacted`. */
  changes(cursor: number, limit: number): Promise<readonly IndexChange[]>;
  /** Chunks in the order of their ids, for inventory and repair. `referenced: false` = garbage that is still to be removed. */
  chunks(after: string, limit: number): Promise<readonly (ChunkRef & { readonly referenced: boolean })[]>;
  chunk(id: string): Promise<(ChunkRef & { readonly referenced: boolean }) | undefined>;
  /** The object that has the chunk; undefined for garbage. Costs a walk through the chunk's bucket. */
  objectOf(chunk: string): Promise<ObjectPlace | undefined>;
  /** Garbage, oldest first. */
  garbage(limit: number): Promise<readonly ChunkRef[]>;
  /** Why it takes no more requests; absent while it does. */
  readonly failure?: Error | undefined;
}
