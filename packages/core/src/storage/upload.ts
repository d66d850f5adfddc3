/** The write path: a body becomes chunks, each on several chunkservers, sealed and staged. The index decides afterwards. */
import { createHash } from "node:crypto";
import { crc32c } from "@node-rs/crc32";
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { ChunkRef } from "../domain/objects.ts";
import type { DigestThread, Random, StreamDigest } from "../domain/ports.ts";
import type { BufferPool } from "./buffer-pool.ts";
import { BlockChecksums, blockCount, type ChunkId, digestText, wholePages } from "./chunk-format.ts";
import type { ChunkServer } from "./chunkserver.ts";
import { FanOut, type LegFailure } from "./fan-out.ts";
import { placementOrder } from "./placement.ts";
import { isAnyAway, type ProbeWorld, probeAway } from "./probe.ts";
import type { SpareBuffers } from "./spare-buffers.ts";

const { ioBytes, blockBytes, maxObjectBytes, replicas } = LIMITS.objects;
/** Buffers of the pool that one upload may have in writing. */
const WRITES_AT_ONCE = 2;
const FIRST_GATHER_BYTES = 64 * 1024;

export interface UploadWorld extends ProbeWorld {
  readonly pool: BufferPool;
  readonly spares: SpareBuffers;
  readonly random: Random;
  readonly chunkBytes: number;
  /** For the ETags of bodies that do not fit one buffer; without it all are computed here. */
  readonly digests?: DigestThread;
  /** Chunks whose fate this process still decides: nobody else may touch them while they are staged. */
  readonly active: Set<string>;
}

export interface UploadedContent {
  readonly sizeBytes: number;
  /** MD5, 32 hex digits. */
  readonly etag: string;
  readonly chunks: readonly ChunkRef[];
}

interface OpenChunk {
  readonly fanOut: FanOut;
  readonly blocks: BlockChecksums;
  readonly checksums: Uint32Array;
  digest: number;
  sizeBytes: number;
}

export class Upload {
  readonly #world: UploadWorld;
  readonly #signal: AbortSignal;
  #md5: StreamDigest | undefined;
  readonly #chunks: ChunkRef[] = [];
  readonly #fanOuts: FanOut[] = [];
  readonly #writes = new Set<Promise<void>>();
  /** In the order of preference; those that failed go. */
  #candidates: readonly ChunkServer[];
  #probed = false;
  #open: OpenChunk | undefined;
  #sizeBytes = 0;
  /** Bytes that wait to be whole blocks. Not from the pool: a slow client must not keep others from writing. */
  #gather: Uint8Array = new Uint8Array(0);
  #gathered = 0;

  constructor(world: UploadWorld, signal: AbortSignal) {
    this.#world = world;
    this.#signal = signal;
    this.#candidates = placementOrder(world.servers, world.random);
  }

  /** What went wrong on single chunkservers, although the upload as a whole may have gone well. */
  get failures(): readonly LegFailure[] {
    return this.#fanOuts.flatMap((fanOut) => fanOut.failures);
  }

  /**
   * Takes the whole body. Afterwards every chunk is durable on a write quorum, staged. Rejects with the body's own error, the
   * signal's reason, `invalid` (length), `invalid/too-large`, `exhausted/disk`, `unavailable/replicas`; then `abort` must
   * be called.
   */
  async receive(body: AsyncIterable<Uint8Array>, contentLength: number | undefined): Promise<UploadedContent> {
    const iterator = body[Symbol.asyncIterator]();
    let ended = false;
    try {
      for (;;) {
        const next = await orAborted(iterator.next(), this.#signal);
        if (next.done) break;
        this.#count(next.value.byteLength, contentLength);
        await this.#take(next.value);
      }
      ended = true;
    } finally {
      // Not awaited: a body that hangs must not hang its upload's end.
      if (!ended) void Promise.resolve(iterator.return?.()).catch(() => undefined);
    }
    if (contentLength !== undefined && this.#sizeBytes !== contentLength) {
      throw new SkerryError("invalid", `The body ended after ${this.#sizeBytes} of ${contentLength} bytes.`);
    }
    // A body that fits one buffer is not worth the way to the thread.
    this.#md5 ??= inlineMd5();
    if (this.#gathered > 0) await this.#flush();
    await this.#sealChunk();
    return { sizeBytes: this.#sizeBytes, etag: await this.#md5.digest(), chunks: this.#chunks };
  }

  /** After the index has decided for it: the replicas get their lasting names. Gives those that could not. Never rejects. */
  async commit(): Promise<readonly { readonly chunk: ChunkId; readonly server: string; readonly error: unknown }[]> {
    const failed: { chunk: ChunkId; server: string; error: unknown }[] = [];
    for (const { chunk, servers } of this.#fanOuts) {
      await Promise.all(
        servers.map((server) =>
          server.commit(chunk).catch((error: unknown) => {
            failed.push({ chunk, server: server.name, error });
          }),
        ),
      );
    }
    this.release();
    return failed;
  }

  /** Leaves nothing staged. Never rejects. */
  async abort(): Promise<void> {
    await Promise.allSettled(this.#writes);
    this.#md5?.forget();
    for (const fanOut of this.#fanOuts) await fanOut.abort();
    this.release();
  }

  /** Leaves what is staged to whoever looks into the index: the next start, or the inventory. */
  release(): void {
    this.#world.spares.give(this.#gather);
    this.#gather = new Uint8Array(0);
    for (const { chunk } of this.#fanOuts) this.#world.active.delete(chunk.id);
  }

  #count(sizeBytes: number, contentLength: number | undefined): void {
    this.#sizeBytes += sizeBytes;
    if (contentLength !== undefined && this.#sizeBytes > contentLength) {
      throw new SkerryError("invalid", `The body is longer than the ${contentLength} bytes that were announced.`);
    }
    if (this.#sizeBytes > maxObjectBytes) throw objectTooLarge();
  }

  async #take(piece: Uint8Array): Promise<void> {
    let rest = piece;
    while (rest.byteLength > 0) {
      const limit = Math.min(ioBytes, this.#world.chunkBytes - (this.#open?.sizeBytes ?? 0));
      const part = rest.subarray(0, limit - this.#gathered);
      this.#grow(this.#gathered + part.byteLength);
      this.#gather.set(part, this.#gathered);
      this.#gathered += part.byteLength;
      rest = rest.subarray(part.byteLength);
      if (this.#gathered === limit) await this.#flush();
    }
  }

  #grow(neededBytes: number): void {
    if (neededBytes <= this.#gather.byteLength) return;
    let sizeBytes = Math.max(FIRST_GATHER_BYTES, this.#gather.byteLength);
    while (sizeBytes < neededBytes) sizeBytes *= 2;
    const grown = sizeBytes === ioBytes ? this.#world.spares.take() : Buffer.allocUnsafeSlow(sizeBytes);
    grown.set(this.#gather.subarray(0, this.#gathered));
    this.#gather = grown;
  }

  /** What was gathered goes out; the chunk is sealed when it is full. */
  async #flush(): Promise<void> {
    this.#open ??= await this.#openChunk();
    const chunk = this.#open;
    while (this.#writes.size >= WRITES_AT_ONCE) await Promise.race(this.#writes);
    chunk.fanOut.assertQuorum();
    this.#md5 ??= this.#world.digests?.md5() ?? inlineMd5();
    const buffer = await this.#world.pool.acquire(this.#signal);
    const sizeBytes = this.#gathered;
    const pages = buffer.subarray(0, wholePages(sizeBytes));
    pages.set(this.#gather.subarray(0, sizeBytes));
    pages.fill(0, sizeBytes);
    this.#gathered = 0;
    this.#checksum(chunk, pages.subarray(0, sizeBytes));
    const uses = [this.#md5.update(pages.subarray(0, sizeBytes)), chunk.fanOut.write(pages, sizeBytes)];
    const write = this.#finishWrite(buffer, uses);
    this.#writes.add(write);
    // A failed one stays, so that whoever waits next fails with it.
    write.then(
      () => this.#writes.delete(write),
      () => undefined,
    );
    if (chunk.sizeBytes === this.#world.chunkBytes) await this.#sealChunk();
  }

  /** The buffer is free when nothing uses it any more, well or not. */
  async #finishWrite(buffer: Uint8Array, uses: readonly Promise<void>[]): Promise<void> {
    const outcomes = await Promise.allSettled(uses);
    this.#world.pool.release(buffer);
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  #checksum(chunk: OpenChunk, content: Uint8Array): void {
    chunk.digest = crc32c(content, chunk.digest);
    for (let at = 0; at < content.byteLength; at += blockBytes) {
      const index = (chunk.sizeBytes + at) / blockBytes;
      chunk.checksums[index] = chunk.blocks.of(content.subarray(at, at + blockBytes), index);
    }
    chunk.sizeBytes += content.byteLength;
  }

  async #openChunk(): Promise<OpenChunk> {
    const chunk: ChunkId = { id: Buffer.from(this.#world.random.bytes(16)).toString("hex"), generation: 1 };
    this.#world.active.add(chunk.id);
    let fanOut: FanOut;
    try {
      fanOut = await this.#stage(chunk);
    } catch (error) {
      this.#world.active.delete(chunk.id);
      throw error;
    }
    this.#fanOuts.push(fanOut);
    const checksums = new Uint32Array(blockCount(this.#world.chunkBytes));
    return { fanOut, blocks: new BlockChecksums(chunk), checksums, digest: 0, sizeBytes: 0 };
  }

  /** Before an upload is refused for want of chunkservers, those that are away are asked once. */
  async #stage(chunk: ChunkId): Promise<FanOut> {
    try {
      return await FanOut.open(chunk, this.#candidates);
    } catch (error) {
      if (this.#probed || !isAnyAway(this.#world.servers)) throw error;
    }
    this.#probed = true;
    await probeAway(this.#world, this.#signal);
    this.#candidates = placementOrder(this.#world.servers, this.#world.random);
    return FanOut.open(chunk, this.#candidates);
  }

  async #sealChunk(): Promise<void> {
    const chunk = this.#open;
    if (chunk === undefined) return;
    this.#open = undefined;
    await Promise.all(this.#writes);
    chunk.fanOut.assertQuorum();
    const { sizeBytes, digest } = chunk;
    const checksums = chunk.checksums.subarray(0, blockCount(sizeBytes));
    const holders = await chunk.fanOut.seal({ sizeBytes, digest, checksums });
    this.#chunks.push({ ...chunk.fanOut.chunk, sizeBytes, digest: digestText(digest), replicas: holders });
    const failed = new Set(chunk.fanOut.failures.map((failure) => failure.server));
    this.#candidates = this.#candidates.filter((server) => !failed.has(server.name));
  }

  /** Chunks with fewer replicas than they should have. */
  get degraded(): readonly ChunkRef[] {
    return this.#chunks.filter((chunk) => chunk.replicas.length < replicas);
  }
}

export function objectTooLarge(): SkerryError {
  return new SkerryError("invalid/too-large", `An object has at most ${maxObjectBytes} bytes.`);
}

function inlineMd5(): StreamDigest {
  const hash = createHash("md5");
  return {
    update: async (data) => {
      hash.update(data);
    },
    digest: async () => hash.digest("hex"),
    forget: () => undefined,
  };
}

/** What `promise` gives, unless the signal aborts first. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => undefined);
    throw signal.reason;
  }
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
