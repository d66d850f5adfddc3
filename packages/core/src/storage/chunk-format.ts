/**
 * The bytes of a replica on disk: a header page, a page of block checksums, then the content. `fixtures/storage/FORMAT.md`
 * is the description, `fixtures/storage/*.hex` are the bytes that a test compares.
 */
import { crc32c } from "@node-rs/crc32";
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";

export const PAGE_BYTES = 4096;
/** Where the content begins: after the header page and the table page. */
export const DATA_OFFSET = 2 * PAGE_BYTES;
const FORMAT_VERSION = 1;
const MAGIC = "SKRYCHNK";
const HEADER_CRC_OFFSET = PAGE_BYTES - 4;

/** Names one replica's content: a chunk of one generation. */
export interface ChunkId {
  /** 32 hex digits. */
  readonly id: string;
  readonly generation: number;
}

/** What is known of a chunk once all its bytes are there. */
export interface ChunkSeal {
  readonly sizeBytes: number;
  /** crc32c of the content. */
  readonly digest: number;
  /** One checksum for each block, as `blockChecksum` makes it. */
  readonly checksums: Uint32Array;
}

export interface ChunkHeader extends ChunkId, ChunkSeal {
  readonly cluster: string;
}

export function assertChunkId({ id, generation }: ChunkId): void {
  if (/^[0-9a-f]{32}$/.test(id) && Number.isSafeInteger(generation) && generation > 0) return;
  throw new SkerryError("invalid", `${JSON.stringify(id)} generation ${generation} does not name a chunk.`);
}

export function blockCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / LIMITS.objects.blockBytes);
}

export function wholePages(sizeBytes: number): number {
  return Math.ceil(sizeBytes / PAGE_BYTES) * PAGE_BYTES;
}

/** File name of a replica: `<id>.<generation>`. */
export function chunkFileName({ id, generation }: ChunkId): string {
  return `${id}.${generation}`;
}

/** The chunk that a file name stands for; undefined when it is not one of ours. */
export function parseChunkFileName(name: string): ChunkId | undefined {
  const match = /^([0-9a-f]{32})\.([1-9][0-9]{0,15})$/.exec(name);
  return match?.[1] === undefined ? undefined : { id: match[1], generation: Number(match[2]) };
}

/** Computes block checksums of one chunk: crc32c over content, chunk id, block index and generation. */
export class BlockChecksums {
  readonly #suffix = Buffer.alloc(28);

  constructor({ id, generation }: ChunkId) {
    this.#suffix.write(id, 0, 16, "hex");
    this.#suffix.writeBigUInt64LE(BigInt(generation), 20);
  }

  /** Of one block's content: `LIMITS.objects.blockBytes`, or less in the last block. */
  of(content: Uint8Array, index: number): number {
    this.#suffix.writeUInt32LE(index, 16);
    return crc32c(this.#suffix, crc32c(content));
  }
}

/** The header page and the table page. */
export function encodeHeader(header: ChunkHeader, into: Uint8Array): void {
  const page = Buffer.from(into.buffer, into.byteOffset, DATA_OFFSET).fill(0);
  const table = page.subarray(PAGE_BYTES);
  header.checksums.forEach((checksum, index) => {
    table.writeUInt32LE(checksum, index * 4);
  });
  page.write(MAGIC, 0, "latin1");
  page.writeUInt32LE(FORMAT_VERSION, 8);
  page.writeUInt32LE(DATA_OFFSET, 12);
  page.write(header.cluster, 16, 32, "latin1");
  page.write(header.id, 48, 16, "hex");
  page.writeBigUInt64LE(BigInt(header.generation), 64);
  page.writeBigUInt64LE(BigInt(header.sizeBytes), 72);
  page.writeUInt32LE(LIMITS.objects.blockBytes, 80);
  page.writeUInt32LE(header.checksums.length, 84);
  page.writeUInt32LE(header.digest, 88);
  page.writeUInt32LE(crc32c(table), 92);
  page.writeUInt32LE(crc32c(page.subarray(0, HEADER_CRC_OFFSET)), HEADER_CRC_OFFSET);
}

function corrupt(what: string): SkerryError {
  return new SkerryError("internal/corrupt", `The replica is damaged: ${what}.`);
}

/**
 * Reads the first `DATA_OFFSET` bytes of a replica and checks that they are those of `expected` in this cluster.
 * @throws `internal/corrupt` (damaged, of another chunk, stale, never sealed), `unsupported/version`.
 */
export function decodeHeader(bytes: Uint8Array, expected: ChunkId, cluster: string): ChunkHeader {
  if (bytes.byteLength < DATA_OFFSET) throw corrupt("it ends within its header");
  const page = Buffer.from(bytes.buffer, bytes.byteOffset, DATA_OFFSET);
  if (page.toString("latin1", 0, 8) !== MAGIC) throw corrupt("it has no header");
  if (page.readUInt32LE(HEADER_CRC_OFFSET) !== crc32c(page.subarray(0, HEADER_CRC_OFFSET))) {
    throw corrupt("the checksum of its header does not match");
  }
  const version = page.readUInt32LE(8);
  if (version !== FORMAT_VERSION) {
    throw new SkerryError(
      "unsupported/version",
      `A replica has format ${version}; this Skerry reads ${FORMAT_VERSION}.`,
    );
  }
  const table = page.subarray(PAGE_BYTES);
  const id = page.toString("hex", 48, 64);
  const generation = Number(page.readBigUInt64LE(64));
  const sizeBytes = Number(page.readBigUInt64LE(72));
  const count = page.readUInt32LE(84);
  if (page.toString("latin1", 16, 48).replace(/\0+$/, "") !== cluster) throw corrupt("it belongs to another cluster");
  if (id !== expected.id) throw corrupt(`it holds chunk ${id}`);
  if (generation !== expected.generation) throw corrupt(`it is stale, of generation ${generation}`);
  if (page.readUInt32LE(12) !== DATA_OFFSET || page.readUInt32LE(80) !== LIMITS.objects.blockBytes) {
    throw corrupt("its layout is not ours");
  }
  if (sizeBytes > LIMITS.objects.chunkBytes || count !== blockCount(sizeBytes)) throw corrupt("its size is impossible");
  if (page.readUInt32LE(92) !== crc32c(table)) throw corrupt("the checksum of its table does not match");
  const checksums = Uint32Array.from({ length: count }, (_, index) => table.readUInt32LE(index * 4));
  return { cluster, id, generation, sizeBytes, digest: page.readUInt32LE(88), checksums };
}

/** A digest as the index keeps it: 8 hex digits. */
export function digestText(digest: number): string {
  return digest.toString(16).padStart(8, "0");
}
