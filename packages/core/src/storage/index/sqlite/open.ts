/** The object index on disk: SQLite in a thread that commits in groups and one that reads. */
import { join } from "node:path";
import { SkerryError } from "../../../domain/errors.ts";
import { LIMITS } from "../../../domain/limits.ts";
import type {
  ChunkRef,
  IndexChange,
  IndexOp,
  IndexTotals,
  ListObjectsOptions,
  ObjectIndex,
  ObjectPage,
  ObjectPlace,
  ObjectRecord,
} from "../../../domain/objects.ts";
import type { Logger, Metrics } from "../../../domain/telemetry.ts";
import { assertAfter, assertBatch, assertLimit, assertListing, indexClosed } from "../rules.ts";
import { Lane } from "./lane.ts";
import type { CopyRequest, ReadRequest, ThreadOptions, VerifyRequest } from "./messages.ts";
import type { ChunkState } from "./reader.ts";
import type { IndexFindings } from "./verify.ts";

export interface SqliteIndexOptions {
  /** Absolute; made (0700) when it is not there. The index's files are `index.sqlite` and what stands beside it. */
  readonly directory: string;
  /** Uid of the cluster: a file of another one is refused. */
  readonly cluster: string;
  readonly log?: Logger;
  readonly metrics?: Metrics;
  /** Default `LIMITS.index.keepChanges`. */
  readonly keepChanges?: number;
  /** For tests of a full disk: most pages of 4 KiB that the database may have. */
  readonly maxPages?: number;
}

export interface SqliteIndex extends ObjectIndex {
  /**
   * Looks at every row, in a thread and a connection of its own: neither batches nor reads wait for it, but it takes a core
   * for some seconds per million objects. Rejects with the signal's reason when it is aborted.
   * @throws `internal/corrupt` (damage that reads may not have met), `unavailable/closed`, `exhausted/overload` (one at a time).
   */
  verify(signal: AbortSignal): Promise<IndexFindings>;
  /**
   * Fixes this moment of the index, to be copied into a new file at `path` (absolute). Batches and reads go on meanwhile; the
   * log grows until it is finished. One at a time: the caller sees to it. Rejects with the signal's reason when it is aborted.
   */
  copyTo(path: string, signal: AbortSignal): Promise<IndexCopy>;
}

export interface IndexCopy extends AsyncDisposable {
  /** Resolves when the file is whole and durable (not its name). @throws `exhausted/disk`, `internal/corrupt`. */
  finish(): Promise<void>;
}

/**
 * Opens the index of a cluster, or makes it.
 * @throws `conflict` (the file belongs to another cluster), `unsupported/version` (a newer Skerry wrote it),
 * `internal/corrupt` (damaged, or shorter than what was acknowledged; the files are as they were), `exhausted/disk`.
 */
export async function openSqliteIndex(options: SqliteIndexOptions): Promise<SqliteIndex> {
  const index = new ThreadedIndex(options);
  try {
    await index.open();
    return index;
  } catch (error) {
    await index[Symbol.asyncDispose]();
    throw error;
  }
}

class ThreadedIndex implements SqliteIndex {
  readonly #thread: Omit<ThreadOptions, "role">;
  readonly #writer: Lane<readonly IndexOp[]>;
  readonly #reader: Lane<ReadRequest>;
  #verifier: Lane<VerifyRequest> | undefined;
  readonly #copiers = new Set<Lane<CopyRequest>>();
  #failure: Error | undefined;
  #closing = false;

  constructor({ directory, cluster, log, metrics, keepChanges, maxPages }: SqliteIndexOptions) {
    const thread = {
      path: join(directory, "index.sqlite"),
      cluster,
      keepChanges: keepChanges ?? LIMITS.index.keepChanges,
      ...(maxPages === undefined ? {} : { maxPages }),
    };
    this.#thread = thread;
    const onFailure = (error: Error): void => {
      this.#failure ??= error;
      log?.error(
        { err: error, cause: error.cause },
        "the object index failed; it takes no more requests until a restart",
      );
    };
    const onCommit = commitMetrics(metrics);
    this.#writer = new Lane({
      thread: { ...thread, role: "writer" },
      maxPending: LIMITS.index.maxPendingBatches,
      take: takeBatches,
      onAnswer: onCommit,
      onFailure,
    });
    this.#reader = new Lane({
      thread: { ...thread, role: "reader" },
      maxPending: LIMITS.index.maxPendingReads,
      take: takeReads,
      onFailure,
    });
    metrics?.gauge(
      "skerry_index_pending_batches",
      "Batches that wait for the object index",
      () => this.#writer.pending,
    );
    metrics?.gauge("skerry_index_pending_reads", "Reads that wait for the object index", () => this.#reader.pending);
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** The writer first: it checks and makes the file. */
  async open(): Promise<void> {
    await this.#writer.open();
    await this.#reader.open();
  }

  async batch(ops: readonly IndexOp[]): Promise<void> {
    assertBatch(ops);
    await this.#writer.ask(ops);
  }

  async get(bucket: string, key: string): Promise<ObjectRecord | undefined> {
    return (await this.#reader.ask({ read: "get", bucket, key })) as ObjectRecord | undefined;
  }

  async list(options: ListObjectsOptions): Promise<ObjectPage> {
    assertListing(options);
    return (await this.#reader.ask({ read: "list", options })) as ObjectPage;
  }

  async totals(bucket?: string): Promise<IndexTotals> {
    return (await this.#reader.ask({ read: "totals", ...(bucket === undefined ? {} : { bucket }) })) as IndexTotals;
  }

  async changes(cursor: number, limit: number): Promise<readonly IndexChange[]> {
    assertLimit(limit);
    return (await this.#reader.ask({ read: "changes", cursor, limit })) as IndexChange[];
  }

  async chunks(after: string, limit: number): Promise<readonly ChunkState[]> {
    assertLimit(limit);
    assertAfter(after);
    return (await this.#reader.ask({ read: "chunks", after, limit })) as ChunkState[];
  }

  async chunk(id: string): Promise<ChunkState | undefined> {
    return (await this.#reader.ask({ read: "chunk", id })) as ChunkState | undefined;
  }

  async objectOf(chunk: string): Promise<ObjectPlace | undefined> {
    return (await this.#reader.ask({ read: "objectOf", chunk })) as ObjectPlace | undefined;
  }

  async garbage(limit: number): Promise<readonly ChunkRef[]> {
    assertLimit(limit);
    return (await this.#reader.ask({ read: "garbage", limit })) as ChunkRef[];
  }

  async verify(signal: AbortSignal): Promise<IndexFindings> {
    signal.throwIfAborted();
    if (this.#closing) throw indexClosed(this.#failure);
    if (this.#verifier !== undefined)
      throw new SkerryError("exhausted/overload", "The object index is being verified already.");
    const lane = new Lane<VerifyRequest>({
      thread: { ...this.#thread, role: "verifier" },
      maxPending: 1,
      take: () => 1,
    });
    this.#verifier = lane;
    const stop = (): void => lane.kill();
    signal.addEventListener("abort", stop, { once: true });
    try {
      await lane.open();
      return (await lane.ask({ verify: "all" })) as IndexFindings;
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener("abort", stop);
      await lane.close();
      this.#verifier = undefined;
    }
  }

  async copyTo(path: string, signal: AbortSignal): Promise<IndexCopy> {
    signal.throwIfAborted();
    if (this.#closing) throw indexClosed(this.#failure);
    const lane = new Lane<CopyRequest>({ thread: { ...this.#thread, role: "copier" }, maxPending: 1, take: () => 1 });
    const stop = (): void => lane.kill();
    this.#copiers.add(lane);
    signal.addEventListener("abort", stop, { once: true });
    const end = async (): Promise<void> => {
      signal.removeEventListener("abort", stop);
      await lane.close();
      this.#copiers.delete(lane);
    };
    const ask = async (request: CopyRequest): Promise<void> => {
      await lane.ask(request).catch((error: unknown) => {
        signal.throwIfAborted();
        throw error;
      });
    };
    try {
      await lane.open();
      await ask({ copy: "begin", into: path });
    } catch (error) {
      await end();
      signal.throwIfAborted();
      throw error;
    }
    return { finish: () => ask({ copy: "finish" }), [Symbol.asyncDispose]: end };
  }

  /**
   * Closing the last connection moves the log into the database. After a failure nothing more is to be written: then the
   * reader is the last, which cannot.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    for (const copier of this.#copiers) {
      copier.kill();
      await copier.close();
    }
    this.#verifier?.kill();
    await this.#verifier?.close();
    const lanes = this.#failure === undefined ? [this.#reader, this.#writer] : [this.#writer, this.#reader];
    for (const lane of lanes) await lane.close();
  }
}

function takeBatches(waiting: readonly { readonly request: readonly IndexOp[] }[]): number {
  let ops = 0;
  let count = 0;
  for (const { request } of waiting) {
    for (const op of request) ops += op.op === "put" ? 1 + op.record.chunks.length : 1;
    if (count === LIMITS.index.maxGroupCommit || (count > 0 && ops > LIMITS.index.maxGroupOps)) break;
    count += 1;
  }
  return count;
}

function takeReads(waiting: readonly { readonly request: ReadRequest }[]): number {
  let pages = 0;
  let count = 0;
  for (const { request } of waiting) {
    if ("limit" in request || "options" in request) pages += 1;
    if (count === LIMITS.index.maxReadsPerMessage || pages > LIMITS.index.maxPagesPerMessage) break;
    count += 1;
  }
  return count;
}

function commitMetrics(metrics: Metrics | undefined): (batches: number, durationMs: number) => void {
  const commits = metrics?.histogram(
    "skerry_index_commit_seconds",
    "Time of one commit of the object index, sync included",
    [0.0005, 0.001, 0.005, 0.02, 0.1, 0.5, 2],
  );
  const batches = metrics?.counter("skerry_index_batches_total", "Batches that the object index has answered");
  return (count, durationMs) => {
    commits?.(durationMs / 1000);
    batches?.(count);
  };
}
