/** Writing and reading the file of one replica. */
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { DiskFile } from "../domain/ports.ts";
import type { BufferPool } from "./buffer-pool.ts";
import {
  BlockChecksums,
  type ChunkHeader,
  type ChunkId,
  DATA_OFFSET,
  decodeHeader,
  encodeHeader,
  wholePages,
} from "./chunk-format.ts";
import type { ChunkReader } from "./chunkserver.ts";

const { blockBytes } = LIMITS.objects;

/** Writes the content as it comes and the header last, so that a file without a valid header was never sealed. */
export class ChunkFileWriter {
  readonly #file: DiskFile;
  readonly #headers: BufferPool;
  #positionBytes = DATA_OFFSET;

  /** `headers` has buffers of `DATA_OFFSET` bytes. */
  constructor(file: DiskFile, headers: BufferPool) {
    this.#file = file;
    this.#headers = headers;
  }

  /** Writes at the end of what was asked for before, once `allowed` has resolved. */
  async write(pages: Uint8Array, allowed: Promise<void>): Promise<void> {
    const position = this.#positionBytes;
    this.#positionBytes += pages.byteLength;
    await allowed;
    await this.#file.write(pages, position);
  }

  /** Header and table, then all of it on stable storage. */
  async seal(header: ChunkHeader): Promise<void> {
    const pages = await this.#headers.acquire();
    try {
      encodeHeader(header, pages);
      await this.#file.write(pages, 0);
    } finally {
      this.#headers.release(pages);
    }
    await this.#file.syncData();
  }
}

/** Reads a sealed replica and lets no byte out whose block was not checked. */
export class ChunkFileReader implements ChunkReader {
  readonly #file: DiskFile;
  readonly #header: ChunkHeader;
  readonly #blocks: BlockChecksums;

  private constructor(file: DiskFile, header: ChunkHeader) {
    this.#file = file;
    this.#header = header;
    this.#blocks = new BlockChecksums(header);
  }

  /** Takes the file over: closes it when the header is not right. @throws `internal/corrupt`, and what the disk throws. */
  static async open(file: DiskFile, chunk: ChunkId, cluster: string, buffer: Uint8Array): Promise<ChunkFileReader> {
    try {
      const count = await file.read(buffer.subarray(0, DATA_OFFSET), 0);
      return new ChunkFileReader(file, decodeHeader(buffer.subarray(0, count), chunk, cluster));
    } catch (error) {
      await file.close().catch(() => undefined);
      throw error;
    }
  }

  get sizeBytes(): number {
    return this.#header.sizeBytes;
  }

  get digest(): number {
    return this.#header.digest;
  }

  get checksums(): Uint32Array {
    return this.#header.checksums;
  }

  async read(offset: number, lengthBytes: number, buffer: Uint8Array): Promise<Uint8Array> {
    const end = offset + lengthBytes;
    if (end > this.#header.sizeBytes) {
      throw new SkerryError(
        "internal/corrupt",
        `The replica holds ${this.#header.sizeBytes} bytes, ${end} are needed.`,
      );
    }
    const firstBlock = Math.floor(offset / blockBytes);
    const start = firstBlock * blockBytes;
    const stop = Math.min(Math.ceil(end / blockBytes) * blockBytes, this.#header.sizeBytes);
    const count = await this.#file.read(buffer.subarray(0, wholePages(stop - start)), DATA_OFFSET + start);
    if (count < stop - start) {
      throw new SkerryError("internal/corrupt", "The replica is damaged: it ends within its content.");
    }
    for (let at = start, index = firstBlock; at < stop; at += blockBytes, index += 1) {
      const block = buffer.subarray(at - start, Math.min(at + blockBytes, stop) - start);
      if (this.#blocks.of(block, index) !== this.#header.checksums[index]) {
        throw new SkerryError(
          "internal/corrupt",
          `The replica is damaged: the checksum of block ${index} does not match.`,
        );
      }
    }
    return buffer.subarray(offset - start, end - start);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
