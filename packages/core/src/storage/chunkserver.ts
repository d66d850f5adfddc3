/**
 * The port to a chunkserver: one place (now a directory, later perhaps another machine) that keeps replicas of chunks.
 * Bytes go in and out with backpressure: a promise resolves when the next bytes are welcome.
 */
import type { ChunkId, ChunkSeal } from "./chunk-format.ts";

export interface ChunkServerState {
  readonly name: string;
  /** Where it keeps its replicas, for people. */
  readonly directory: string;
  /** Equal for chunkservers that would be lost together with one file system. Undefined while it is away. */
  readonly device: number | undefined;
  readonly available: boolean;
  /** Why it is not available; a sentence. */
  readonly reason?: string;
}

export interface ChunkServerSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Free bytes below which it takes no new data. */
  readonly reserveBytes: number;
}

/** A replica that is being written. Ends with exactly one of `seal` and `abort`. */
export interface ChunkWriter {
  /**
   * The next bytes of the content: the first `sizeBytes` of `pages`, which is whole pages with zeros at the end. Calls may
   * overlap and take effect in their order; `pages` must not change before the promise resolves. All but the last
   * call of a chunk give whole blocks. @throws `exhausted/disk`, `unavailable/replicas`.
   */
  write(pages: Uint8Array, sizeBytes: number): Promise<void>;
  /** After the last write: the replica is on stable storage, staged under its name, when it resolves. @throws as `write`. */
  seal(seal: ChunkSeal): Promise<void>;
  /** Leaves nothing behind. Never rejects. */
  abort(): Promise<void>;
}

/** An open replica: it can be read until it is closed, even when it is removed meanwhile. */
export interface ChunkReader {
  readonly sizeBytes: number;
  readonly digest: number;
  /** Checksums of the blocks, for a copy. */
  readonly checksums: Uint32Array;
  /**
   * Content from `offset`, `lengthBytes` of it, every block checked. `buffer` is the work space (page-aligned,
   * `LIMITS.objects.ioBytes`); the answer is a part of it. The blocks touched must fit.
   * @throws `internal/corrupt`, `unavailable/replicas`.
   */
  read(offset: number, lengthBytes: number, buffer: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Besides what each names, all throw `exhausted/overload` when this process is at its limits (open files, memory). */
export interface ChunkServer extends AsyncDisposable {
  readonly name: string;
  readonly state: ChunkServerState;
  /** Tries to come back when it is not available; who asks meanwhile waits for the same try. Never rejects; `state` tells. */
  probe(): Promise<void>;
  /** @throws `exhausted/disk` (full, or down to its reserve), `unavailable/replicas`. */
  stage(chunk: ChunkId): Promise<ChunkWriter>;
  /** Staged -> committed. One that is committed already stays, the staged one goes. @throws `not_found`, `unavailable/replicas`. */
  commit(chunk: ChunkId): Promise<void>;
  /** Removes a staged replica; nothing when there is none. @throws `unavailable/replicas`. */
  discard(chunk: ChunkId): Promise<void>;
  /** Chunks that are staged now. @throws `unavailable/replicas`. */
  staged(): Promise<readonly ChunkId[]>;
  /**
   * Opens a committed or a staged replica and checks its header. `buffer` is work space as for `read`; `direct` bypasses
   * the page cache. @throws `not_found`, `internal/corrupt`, `unavailable/replicas`.
   */
  openReplica(chunk: ChunkId, buffer: Uint8Array, options?: { readonly direct?: boolean }): Promise<ChunkReader>;
  /** Committed replicas whose id begins with these two hex digits; also what is there and is no replica, by name. */
  inventory(prefix: string): Promise<{ readonly chunks: readonly ChunkId[]; readonly strangers: readonly string[] }>;
  /** Removes committed and staged replicas, durably when it resolves; nothing where there is none. */
  remove(chunks: readonly ChunkId[]): Promise<void>;
  /** Puts a damaged committed replica aside, for a person to look at; nothing when there is none. */
  quarantine(chunk: ChunkId): Promise<void>;
  /** @throws `unavailable/replicas`. */
  space(): Promise<ChunkServerSpace>;
}
