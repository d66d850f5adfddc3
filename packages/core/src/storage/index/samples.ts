/** Records and calls that the tests of the object index share. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { type ErrorId, SkerryError } from "../../domain/errors.ts";
import type { ChunkRef, IndexOp, ObjectCondition, ObjectIndex, ObjectRecord } from "../../domain/objects.ts";

export const TIER_FULL = process.env["SKERRY_TEST_TIER"] === "full";

export interface ContractIndex {
  readonly index: ObjectIndex;
  /** Closes it and removes what it left. */
  dispose(): Promise<void>;
}
export type OpenContractIndex = (options?: { readonly keepChanges?: number }) => Promise<ContractIndex>;

export function sampleChunk(fields: Partial<ChunkRef> = {}): ChunkRef {
  return {
    id: randomBytes(16).toString("hex"),
    generation: 1,
    sizeBytes: 7,
    digest: "0badcafe",
    replicas: ["disk-a", "disk-b", "disk-c"],
    ...fields,
  };
}

export function sampleRecord(bucket: string, key: string, fields: Partial<ObjectRecord> = {}): ObjectRecord {
  return {
    bucket,
    key,
    version: randomBytes(13).toString("hex"),
    sizeBytes: 7,
    etag: randomBytes(16).toString("hex"),
    contentType: "text/plain; charset=utf-8",
    modifiedAt: "2026-02-03T04:05:06.789Z",
    metadata: { colour: "blue" },
    chunks: [sampleChunk()],
    ...fields,
  };
}

export function createBucket(bucket: string): IndexOp {
  return { op: "create-bucket", bucket };
}

export function dropBucket(bucket: string): IndexOp {
  return { op: "drop-bucket", bucket };
}

export function put(record: ObjectRecord, condition?: ObjectCondition): IndexOp {
  return condition === undefined ? { op: "put", record } : { op: "put", record, condition };
}

export function remove(bucket: string, key: string, condition?: ObjectCondition): IndexOp {
  return condition === undefined ? { op: "delete", bucket, key } : { op: "delete", bucket, key, condition };
}

/** Puts objects of one bucket under these keys, with one batch. */
export async function putKeys(index: ObjectIndex, bucket: string, keys: readonly string[]): Promise<ObjectRecord[]> {
  const records = keys.map((key) => sampleRecord(bucket, key));
  for (let at = 0; at < records.length; at += 1000) await index.batch(records.slice(at, at + 1000).map((r) => put(r)));
  return records;
}

/** The error id (`conflict/exists`) with which it rejects; undefined when it does not. */
export async function refusal(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    assert.ok(error instanceof SkerryError, `not an error of ours: ${error}`);
    return error.reason === undefined ? error.code : `${error.code}/${error.reason}`;
  }
}

export async function refuses(promise: Promise<unknown>, id: ErrorId): Promise<void> {
  assert.equal(await refusal(promise), id);
}
