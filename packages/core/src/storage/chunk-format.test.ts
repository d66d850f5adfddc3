import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { crc32c } from "@node-rs/crc32";
import { LIMITS } from "../domain/limits.ts";
import { pageAlignedBytes } from "./buffer-pool.ts";
import {
  assertChunkId,
  BlockChecksums,
  blockCount,
  type ChunkHeader,
  chunkFileName,
  DATA_OFFSET,
  decodeHeader,
  encodeHeader,
  PAGE_BYTES,
  parseChunkFileName,
} from "./chunk-format.ts";

const CHUNK = { id: "00112233445566778899aabbccddeeff", generation: 3 };
const CLUSTER = "abcdefghijklmnopqrstuvwxyz";
const CONTENT = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7) % 251);

function header(): ChunkHeader {
  const blocks = new BlockChecksums(CHUNK);
  const checksums = Uint32Array.from({ length: blockCount(CONTENT.byteLength) }, (_, index) => {
    const at = index * LIMITS.objects.blockBytes;
    return blocks.of(CONTENT.subarray(at, at + LIMITS.objects.blockBytes), index);
  });
  return { ...CHUNK, cluster: CLUSTER, sizeBytes: CONTENT.byteLength, digest: crc32c(CONTENT), checksums };
}

/** The dump has 16 bytes a row, rows of zeros left out: `offset  hex`. */
function readDump(name: string, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  const text = readFileSync(new URL(`../../../../fixtures/storage/${name}`, import.meta.url), "utf8");
  for (const line of text.trim().split("\n")) {
    const [offset = "", hex = ""] = line.split("  ");
    bytes.write(hex.replaceAll(" ", ""), Number.parseInt(offset, 16), "hex");
  }
  return bytes;
}

test("header and table have the bytes of the checked-in replica", () => {
  const pages = pageAlignedBytes(DATA_OFFSET).fill(0xee);
  encodeHeader(header(), pages);
  const golden = readDump("replica-v1.hex", DATA_OFFSET);
  const at = golden.findIndex((byte, index) => pages[index] !== byte);
  assert.equal(at, -1, `the first difference is at ${at}`);
});

test("the checked-in replica is read as what it is", () => {
  const { cluster, sizeBytes, digest, checksums } = decodeHeader(
    readDump("replica-v1.hex", DATA_OFFSET),
    CHUNK,
    CLUSTER,
  );
  assert.deepEqual({ cluster, sizeBytes, digest }, { cluster: CLUSTER, sizeBytes: 70_000, digest: crc32c(CONTENT) });
  assert.deepEqual(checksums, header().checksums);
});

test("every flipped bit of header and table is found", () => {
  const golden = readDump("replica-v1.hex", DATA_OFFSET);
  for (let at = 0; at < DATA_OFFSET; at += at < 128 || at > PAGE_BYTES - 16 ? 1 : 97) {
    const spoilt = Buffer.from(golden);
    spoilt[at] = (spoilt[at] ?? 0) ^ (1 << (at % 8));
    assert.throws(() => decodeHeader(spoilt, CHUNK, CLUSTER), { code: "internal", reason: "corrupt" }, `byte ${at}`);
  }
});

test("a replica of another cluster, chunk or generation, of a newer version or without an end is refused", () => {
  const golden = readDump("replica-v1.hex", DATA_OFFSET);
  assert.throws(() => decodeHeader(golden, CHUNK, "other"), /another cluster/);
  assert.throws(() => decodeHeader(golden, { ...CHUNK, generation: 4 }, CLUSTER), /stale, of generation 3/);
  assert.throws(() => decodeHeader(golden, { ...CHUNK, id: "f".repeat(32) }, CLUSTER), /it holds chunk 0011/);
  assert.throws(() => decodeHeader(golden.subarray(0, 5000), CHUNK, CLUSTER), /ends within its header/);
  assert.throws(() => decodeHeader(Buffer.alloc(DATA_OFFSET), CHUNK, CLUSTER), /no header/);
  golden.writeUInt32LE(2, 8);
  golden.writeUInt32LE(crc32c(golden.subarray(0, PAGE_BYTES - 4)), PAGE_BYTES - 4);
  assert.throws(() => decodeHeader(golden, CHUNK, CLUSTER), { code: "unsupported", reason: "version" });
});

test("file names of replicas", () => {
  assert.equal(chunkFileName(CHUNK), "00112233445566778899aabbccddeeff.3");
  assert.deepEqual(parseChunkFileName(chunkFileName(CHUNK)), CHUNK);
  for (const name of [
    "",
    "x",
    `${CHUNK.id}`,
    `${CHUNK.id}.0`,
    `${CHUNK.id}.01`,
    `${CHUNK.id.toUpperCase()}.1`,
    `.${CHUNK.id}.1`,
  ]) {
    assert.equal(parseChunkFileName(name), undefined, name);
  }
  for (const id of ["", "../../etc/passwd", "0".repeat(31), "0".repeat(33)]) {
    assert.throws(() => assertChunkId({ id, generation: 1 }), { code: "invalid" });
  }
  assert.throws(() => assertChunkId({ ...CHUNK, generation: 0 }), { code: "invalid" });
});
