/** The object service: stores, reads, lists and deletes objects on top of the index and the chunkservers. */
import { isError, SkerryError } from "../domain/errors.ts";
import type { Job } from "../domain/jobs.ts";
import { LIMITS } from "../domain/limits.ts";
import type {
  ChunkRef,
  ListObjectsOptions,
  ObjectChange,
  ObjectCondition,
  ObjectIndex,
  ObjectInfo,
  ObjectPage,
  ObjectRecord,
} from "../domain/objects.ts";
import type { Clock, DigestThread, Random } from "../domain/ports.ts";
import type { Logger, Metrics } from "../domain/telemetry.ts";
import { BufferPool } from "./buffer-pool.ts";
import type { ChunkId } from "./chunk-format.ts";
import type { ChunkServer } from "./chunkserver.ts";
import { chunksIn, type DownloadWorld, downloadRange, openAny } from "./download.ts";
import { Garbage } from "./garbage.ts";
import { assertCondition } from "./index/rules.ts";
import { createInventory, type Inventory, sweepStaging } from "./inventory.ts";
import { LostChunks } from "./lost.ts";
import { ObjectBody } from "./object-body.ts";
import { Pins } from "./pins.ts";
import { Repair } from "./repair.ts";
import { SpareBuffers } from "./spare-buffers.ts";
import { readStatus, type StorageStatus } from "./status.ts";
import { objectTooLarge, Upload } from "./upload.ts";
import { createVersions } from "./versions.ts";

const { maxKeyBytes, maxMetadataBytes, maxObjectBytes, maxUploads, chunkBytes } = LIMITS.objects;

export interface ObjectServiceOptions {
  readonly index: ObjectIndex;
  /** From `openChunkServers`; the service disposes them. */
  readonly servers: readonly ChunkServer[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Runs a job of `jobs` soon. Without it they run at their own pace. */
  readonly wake?: (job: string) => void;
  /** Told after an object was stored or removed. Must not throw. */
  readonly onChange?: (change: ObjectChange) => void;
  /** Computes ETags of large bodies beside the main thread. Disposed by whoever made it, after the service. */
  readonly digests?: DigestThread;
  /** Default `LIMITS.objects.chunkBytes`; smaller ones, in whole blocks, are for tests. */
  readonly chunkBytes?: number;
}

export interface PutRequest {
  /** Uid of the bucket. */
  readonly bucket: string;
  readonly key: string;
  readonly body: AsyncIterable<Uint8Array>;
  /** When the body must have exactly so many bytes. */
  readonly contentLength?: number;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly condition?: ObjectCondition;
  readonly signal?: AbortSignal;
}

export interface GetRequest {
  readonly bucket: string;
  readonly key: string;
  readonly condition?: ObjectCondition;
  readonly range?: { readonly offset: number; readonly length: number };
  readonly signal?: AbortSignal;
  /** See `DownloadRange`. */
  readonly pieceBytes?: number;
}

export interface ObjectContent {
  readonly info: ObjectInfo;
  /** What is to come: the whole object, or the range. */
  readonly sizeBytes: number;
  /**
   * To be read to its end or returned early; a piece is good until the next is asked for. Rejects with `internal/corrupt` or
   * `unavailable/replicas`, never lies.
   */
  readonly body: ObjectBody;
}

/** Settles what an earlier run left staged, then serves. @throws what the index throws. */
export async function createObjectService(options: ObjectServiceOptions): Promise<ObjectService> {
  const service = new ObjectService(options);
  await service.settleStaged();
  return service;
}

export class ObjectService implements AsyncDisposable {
  readonly #options: ObjectServiceOptions;
  readonly #pool = new BufferPool();
  readonly #spares = new SpareBuffers();
  readonly #pins = new Pins();
  readonly #active = new Set<string>();
  readonly #uploads = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  readonly #nextVersion: () => string;
  readonly #repair: Repair;
  readonly #inventory: Inventory;
  readonly #lost: LostChunks;
  readonly #download: DownloadWorld;
  readonly #countIn: (amount?: number) => void;
  readonly #countOut: (amount?: number) => void;
  /** `storage.repair`, `storage.inventory`, `storage.garbage`: to be added to the job runner. */
  readonly jobs: readonly Job[];

  constructor(options: ObjectServiceOptions) {
    const { metrics, clock, random, wake = () => undefined } = options;
    this.#options = options;
    this.#nextVersion = createVersions(clock, random);
    this.#lost = new LostChunks(options);
    const spares = this.#spares;
    const shared = { ...options, spares, pool: this.#pool, pins: this.#pins, active: this.#active, lost: this.#lost };
    this.#repair = new Repair({ ...shared, wake: () => wake("storage.repair") });
    const garbage = new Garbage(shared);
    this.#inventory = createInventory({ ...shared, garbage, repair: this.#repair });
    this.#download = { ...shared, onBadReplica: (...found) => this.#onBadReplica(...found) };
    this.jobs = [this.#repair.job, this.#inventory.job, garbage.job];
    this.#countIn = metrics.counter("skerry_storage_received_bytes_total", "Bytes of objects that were stored.");
    this.#countOut = metrics.counter("skerry_storage_sent_bytes_total", "Bytes of objects that were read.");
    metrics.gauge("skerry_storage_uploads", "Uploads under way.", () => this.#uploads.size);
    metrics.gauge("skerry_storage_pool_used_buffers", "Buffers in use.", () => this.#pool.used);
    metrics.gauge("skerry_storage_pool_waiting", "Transfers that wait for a buffer.", () => this.#pool.waiting);
    metrics.gauge("skerry_storage_pinned_chunks", "Chunks that readers hold.", () => this.#pins.size);
  }

  /** Rolls forward or removes what is staged: presumed abort. */
  async settleStaged(): Promise<void> {
    const world = { ...this.#options, active: this.#active, repair: this.#repair };
    for (const server of this.#options.servers) {
      if (server.state.available) await sweepStaging(world, server);
    }
  }

  /**
   * Stores an object. It is durable, and seen by readers, when this resolves; else it was not stored and the former
   * version is as it was. Rejects with the body's own error or the signal's reason; @throws `invalid` (key, metadata, length),
   * `invalid/too-large`, `not_found` (bucket), `conflict/precondition`, `exhausted/overload`, `exhausted/disk`,
   * `unavailable/replicas`, `unavailable/closed` (then, and only then, it may have been stored).
   */
  put(request: PutRequest): Promise<ObjectInfo> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closing.signal.reason);
    if (this.#uploads.size >= maxUploads) {
      return Promise.reject(
        new SkerryError("exhausted/overload", `${maxUploads} uploads are under way already.`, { retryAfterMs: 1000 }),
      );
    }
    const running = this.#put(request).finally(() => this.#uploads.delete(settled));
    const settled = running.catch(() => undefined);
    this.#uploads.add(settled);
    return running;
  }

  async #put(request: PutRequest): Promise<ObjectInfo> {
    const { index } = this.#options;
    const { bucket, key, condition, contentLength } = request;
    assertKey(key);
    assertMetadata(request.metadata);
    if (contentLength !== undefined && contentLength > maxObjectBytes) throw objectTooLarge();
    // What cannot hold is said before the body is sent; what counts is the index's answer at the end.
    if (condition !== undefined) assertCondition(condition, (await index.get(bucket, key))?.etag);
    const upload = this.#startUpload(request.signal);
    const content = await upload.receive(request.body, contentLength).catch(async (error: unknown) => {
      await upload.abort();
      throw error;
    });
    const record: ObjectRecord = {
      ...{ bucket, key, version: this.#nextVersion(), ...content },
      contentType: request.contentType,
      modifiedAt: new Date(this.#options.clock.wallMs()).toISOString(),
      metadata: request.metadata,
    };
    try {
      await index.batch([{ op: "put", record, ...(condition === undefined ? {} : { condition }) }]);
    } catch (error) {
      await this.#abandon(upload, error);
      throw error;
    }
    this.#options.onChange?.({ bucket, key });
    await this.#finish(upload);
    this.#countIn(content.sizeBytes);
    return infoOf(record);
  }

  #startUpload(signal: AbortSignal | undefined): Upload {
    const world = { chunkBytes, ...this.#options, pool: this.#pool, spares: this.#spares, active: this.#active };
    return new Upload(world, this.#endingWith(signal));
  }

  /** Aborts with the caller's signal and when the service closes. */
  #endingWith(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#closing.signal : AbortSignal.any([this.#closing.signal, signal]);
  }

  async #finish(upload: Upload): Promise<void> {
    for (const { chunk, server, error } of await upload.commit()) this.#onBadReplica(chunk, server, error);
    for (const chunk of upload.degraded) this.#repair.enqueue(chunk);
    for (const { server, error } of upload.failures) {
      this.#options.log.warn({ server, error }, "a chunkserver failed during an upload");
    }
  }

  /** After the index refused, or failed. */
  async #abandon(upload: Upload, error: unknown): Promise<void> {
    const refusals = ["conflict", "not_found", "invalid", "exhausted"] as const;
    if (refusals.some((code) => isError(error, code))) return upload.abort();
    // The index may or may not have it: what is staged must stay until it can be asked.
    this.#options.log.error({ error }, "the outcome of an upload is not known; the next inventory or start settles it");
    upload.release();
  }

  /** Undefined when it is not there. */
  async head({ bucket, key }: { bucket: string; key: string }): Promise<ObjectInfo | undefined> {
    const record = await this.#options.index.get(bucket, key);
    return record && infoOf(record);
  }

  /**
   * Opens an object for reading; undefined when it is not there. What comes is one version, also when it is overwritten or
   * deleted meanwhile. @throws `conflict/precondition`, `invalid/range` (outside the object), and as the body for
   * chunks that are known to be lost: `internal/corrupt`, `unavailable/replicas`.
   */
  async get(request: GetRequest): Promise<ObjectContent | undefined> {
    const { bucket, key, condition, range } = request;
    this.#closing.signal.throwIfAborted();
    const found = await this.#pins.duringLookup(async () => {
      const record = await this.#options.index.get(bucket, key);
      return record && { record, release: this.#pins.pin(record.chunks.map((chunk) => chunk.id)) };
    });
    if (found === undefined) return undefined;
    const { record, release } = found;
    try {
      assertCondition(condition, record.etag);
      const { start, end } = assertRange(range, record.sizeBytes);
      const signal = this.#endingWith(request.signal);
      for (const { chunk } of chunksIn(record, { start, end })) await this.#assertReadable(chunk, signal);
      const { pieceBytes } = request;
      const asked = { start, end, ...(pieceBytes === undefined ? {} : { pieceBytes }) };
      const pieces = this.#counted(downloadRange(this.#download, record, asked, signal));
      return { info: infoOf(record), sizeBytes: end - start, body: new ObjectBody(pieces, signal, release) };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** One that is lost may be back: a disk was mounted again. @throws `internal/corrupt`, `unavailable/replicas`. */
  async #assertReadable(chunk: ChunkRef, signal: AbortSignal): Promise<void> {
    if (!this.#lost.has(chunk.id)) return;
    await openAny(this.#download, chunk, signal);
    this.#repair.enqueue(chunk);
  }

  async *#counted(pieces: AsyncGenerator<Uint8Array, void, undefined>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of pieces) {
      this.#countOut(piece.byteLength);
      yield piece;
    }
  }

  /** Nothing when it is not there. Works on a full disk. @throws `conflict/precondition`. */
  async delete(request: { bucket: string; key: string; condition?: ObjectCondition }): Promise<void> {
    await this.#options.index.batch([{ op: "delete", ...request }]);
    this.#options.onChange?.({ bucket: request.bucket, key: request.key });
    this.#options.wake?.("storage.garbage");
  }

  /** As `ObjectIndex.list`. */
  list(options: ListObjectsOptions): Promise<ObjectPage> {
    return this.#options.index.list(options);
  }

  status(): Promise<StorageStatus> {
    const { index, servers } = this.#options;
    const { unknownFiles } = this.#inventory;
    return readStatus({ index, servers, repairQueue: this.#repair.queued, unknownFiles, lost: this.#lost });
  }

  /** Ends transfers, then closes the chunkservers. The job runner must have stopped before. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new SkerryError("unavailable/draining", "The object service is stopping."));
    await Promise.all(this.#uploads);
    for (const server of this.#options.servers) await server[Symbol.asyncDispose]();
  }

  #onBadReplica(chunk: ChunkId, server: string, error: unknown): void {
    const found = this.#options.servers.find((one) => one.name === server);
    if (found === undefined || !found.state.available) {
      this.#repair.enqueue(chunk);
      return;
    }
    if (!this.#repair.enqueue(chunk, server)) return;
    const { id, generation } = chunk;
    this.#options.log.error({ chunk: id, generation, server, error }, "a replica is bad; another one is read instead");
  }
}

function infoOf({ chunks: _, ...info }: ObjectRecord): ObjectInfo {
  return info;
}

function assertKey(key: string): void {
  const sizeBytes = Buffer.byteLength(key);
  if (sizeBytes > 0 && sizeBytes <= maxKeyBytes && key.isWellFormed()) return;
  throw new SkerryError("invalid", `A key is UTF-8 of 1 to ${maxKeyBytes} bytes.`, { details: { field: "key" } });
}

function assertMetadata(metadata: Readonly<Record<string, string>>): void {
  const sizeBytes = Object.entries(metadata).reduce((sum, pair) => sum + Buffer.byteLength(pair.join("")), 0);
  if (sizeBytes <= maxMetadataBytes) return;
  throw new SkerryError("invalid/too-large", `Metadata of an object has at most ${maxMetadataBytes} bytes.`);
}

function assertRange(range: GetRequest["range"], sizeBytes: number): { start: number; end: number } {
  if (range === undefined) return { start: 0, end: sizeBytes };
  const { offset, length } = range;
  const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
  if (whole && offset >= 0 && length >= 0 && offset + length <= sizeBytes)
    return { start: offset, end: offset + length };
  throw new SkerryError("invalid/range", `The range lies outside the ${sizeBytes} bytes of the object.`, {
    details: { sizeBytes },
  });
}
