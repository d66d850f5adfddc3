/** What both drivers of the object index agree on: the shape of a batch, HTTP preconditions, limits of pages, errors. */
import { SkerryError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { ChunkRef, IndexOp, ListObjectsOptions, ObjectCondition, ObjectRecord } from "../../domain/objects.ts";

const CHUNK_ID = /^[0-9a-f]{32}$/;
const DIGEST = /^[0-9a-f]{8}$/;
const MOST_CHUNKS = Math.ceil(LIMITS.objects.maxObjectBytes / LIMITS.objects.chunkBytes);

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function assertShape(holds: boolean, what: string): asserts holds {
  if (!holds) throw new SkerryError("invalid", `The object index was given ${what}.`);
}

function assertText(value: unknown, what: string): void {
  assertShape(typeof value === "string" && value.length > 0 && value.isWellFormed(), what);
}

function assertReplicas(replicas: readonly string[]): void {
  assertShape(Array.isArray(replicas) && replicas.every((name) => typeof name === "string"), "replicas without names");
}

function assertChunk(chunk: ChunkRef): void {
  assertShape(CHUNK_ID.test(chunk.id), "a chunk id that is not 32 hex digits");
  assertShape(DIGEST.test(chunk.digest), "a chunk digest that is not 8 hex digits");
  assertShape(isCount(chunk.sizeBytes) && isCount(chunk.generation), "a chunk without a size or a generation");
  assertReplicas(chunk.replicas);
}

function assertRecord(record: ObjectRecord): void {
  assertText(record.bucket, "a bucket that is not text");
  assertText(record.key, "a key that is not well-formed text");
  assertText(record.version, "a version that is not text");
  assertShape(Buffer.byteLength(record.key) <= LIMITS.objects.maxKeyBytes, "a key that is too long");
  assertShape(isCount(record.sizeBytes), "an object without a size");
  for (const text of [record.etag, record.contentType, record.modifiedAt])
    assertShape(typeof text === "string" && text.isWellFormed(), "an object with a field that is not well-formed text");
  assertShape(typeof record.metadata === "object" && record.metadata !== null, "an object without metadata");
  assertShape(
    Object.values(record.metadata).every((value) => typeof value === "string"),
    "metadata that is not text",
  );
  assertShape(Array.isArray(record.chunks) && record.chunks.length <= MOST_CHUNKS, "an object with too many chunks");
  for (const chunk of record.chunks) assertChunk(chunk);
}

/** @throws `invalid` when an operation has a wrong shape, `invalid/too-large` when there are too many. */
export function assertBatch(ops: readonly IndexOp[]): void {
  if (ops.length > LIMITS.index.maxBatchOps)
    throw new SkerryError("invalid/too-large", `A batch of the object index takes ${LIMITS.index.maxBatchOps} steps.`);
  for (const op of ops) {
    switch (op.op) {
      case "put":
        assertRecord(op.record);
        break;
      case "delete":
        assertText(op.bucket, "a bucket that is not text");
        assertText(op.key, "a key that is not well-formed text");
        break;
      case "create-bucket":
      case "drop-bucket":
        assertText(op.bucket, "a bucket that is not text");
        break;
      case "set-replicas":
        assertShape(CHUNK_ID.test(op.chunk), "a chunk id that is not 32 hex digits");
        assertReplicas(op.replicas);
        break;
      case "forget-garbage":
        for (const id of op.chunks) assertShape(CHUNK_ID.test(id), "a chunk id that is not 32 hex digits");
        break;
      default:
        assertShape(false, `the unknown operation ${JSON.stringify((op as { op: unknown }).op)}`);
    }
  }
}

/**
 * RFC 9110, 13.1: If-Match needs a current version (with one of the ETags), If-None-Match needs none (with one of them).
 * `etag` is that of the newest version, undefined when the key is not there. @throws `conflict/precondition`.
 */
export function assertCondition(condition: ObjectCondition | undefined, etag: string | undefined): void {
  if (condition === undefined) return;
  const { ifMatch, ifNoneMatch } = condition;
  if (ifMatch !== undefined && (etag === undefined || (ifMatch !== "*" && !ifMatch.includes(etag))))
    throw preconditionFailed(etag === undefined ? "the object is not there" : "the object has changed");
  if (ifNoneMatch !== undefined && etag !== undefined && (ifNoneMatch === "*" || ifNoneMatch.includes(etag)))
    throw preconditionFailed("the object is there already");
}

function preconditionFailed(why: string): SkerryError {
  return new SkerryError("conflict/precondition", `The precondition does not hold: ${why}.`, {
    hint: "Read the object again and decide anew.",
  });
}

/** @throws `invalid`. */
export function assertListing({ prefix = "", delimiter = "", after = "", limit }: ListObjectsOptions): void {
  for (const text of [prefix, delimiter, after])
    assertShape(
      typeof text === "string" && text.isWellFormed(),
      "a prefix, delimiter or place that is not well-formed text",
    );
  pageLimit(limit);
}

/** `after` of a page of chunks. @throws `invalid`. */
export function assertAfter(after: string): void {
  assertShape(after === "" || CHUNK_ID.test(after), "a chunk id that is not 32 hex digits");
}

/** The limit of a page with `next`: more than the most is cut, the page says how it goes on. @throws `invalid`. */
export function pageLimit(limit: number | undefined): number {
  const wanted = limit ?? LIMITS.objects.maxPageEntries;
  assertShape(Number.isSafeInteger(wanted) && wanted >= 1, "a limit that is not a positive whole number");
  return Math.min(wanted, LIMITS.objects.maxPageEntries);
}

/**
 * The limit of a page without `next`: cutting it would look like the end, so that more than the most is refused.
 * @throws `invalid`, `invalid/too-large`.
 */
export function assertLimit(limit: number): void {
  assertShape(Number.isSafeInteger(limit) && limit >= 1, "a limit that is not a positive whole number");
  if (limit > LIMITS.objects.maxPageEntries)
    throw new SkerryError(
      "invalid/too-large",
      `The object index gives ${LIMITS.objects.maxPageEntries} entries at once.`,
    );
}

/**
 * `newest` is the last cursor given out, `trimmed` the last that is gone. A cursor that was never given out means that the
 * reader knows more than the index (a backup came back): it must list again too. @throws `conflict/compacted`, `invalid`.
 */
export function assertCursor(cursor: number, trimmed: number, newest: number): void {
  assertShape(isCount(cursor), "a cursor that is not a whole number");
  if (cursor >= trimmed && cursor <= newest) return;
  throw new SkerryError("conflict/compacted", `The changes after ${cursor} are not kept any more.`, {
    hint: "List again and go on from the newest cursor.",
  });
}

export function bucketMissing(): SkerryError {
  return new SkerryError("not_found", "The bucket is not there.");
}

export function bucketNotEmpty(): SkerryError {
  return new SkerryError("conflict/not-empty", "The bucket still holds objects.", {
    hint: "Remove its objects first.",
  });
}

/** Chunk ids are never used again; taking one over from another object, or back from the garbage, would lose data. */
export function chunkExists(id: string): SkerryError {
  return new SkerryError("conflict/exists", `The chunk ${id} is already in the index.`);
}

export function indexClosed(cause?: unknown): SkerryError {
  return new SkerryError(
    "unavailable/closed",
    "The object index takes no more requests: it was closed or a write failed.",
    {
      hint: "Restart the daemon; its log has the cause.",
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
