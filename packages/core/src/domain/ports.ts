/**
 * The world as the core sees it: clock, random, disk, network. `platform/` has the real ones, `testing/` simulated ones
 * with a seed. Wall time is for expiry and display; differences use the monotonic clock.
 */
import type { Server, Socket } from "node:net";

export interface Clock {
  /** Milliseconds since the epoch; may jump. */
  wallMs(): number;
  /** Milliseconds since some point; never goes back. */
  monotonicMs(): number;
  /** Resolves after `ms`, rejects with the signal's reason when aborted. Does not keep the process alive. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  /** Cryptographically strong in production. */
  bytes(count: number): Uint8Array;
  /** Uniform in [0, 1). */
  fraction(): number;
}

export interface DiskStat {
  readonly kind: "file" | "directory" | "other";
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Equal for files of one file system. */
  readonly device: number;
}

export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

export interface OpenFlags {
  readonly write?: boolean;
  /** Create; fails with EEXIST when it is there. Needs `write`. */
  readonly create?: "exclusive" | "if-missing";
  /** Bypass the page cache where the file system can; reads and writes must then be page-aligned in buffer, length and
   * position. A disk that cannot ignores it. */
  readonly direct?: boolean;
}

export interface DiskFile extends AsyncDisposable {
  /** Bytes read into `into` from `position`; fewer than asked only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes all of `data` or rejects (ENOSPC, EIO ...); then any prefix may be in the file. */
  write(data: Uint8Array, position: number): Promise<void>;
  /** The file's data and size are on stable storage when it resolves (fdatasync). Not the directory entry. */
  syncData(): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/**
 * Paths are absolute. Errors are those of Node (`code` ENOENT, EEXIST, ENOSPC, EIO ...). A name made, renamed or removed
 * is durable only after `syncDirectory` of its directory; a file's content only after `syncData`.
 */
export interface Disk {
  open(path: string, flags?: OpenFlags): Promise<DiskFile>;
  /** Names, sorted. */
  readDirectory(path: string): Promise<string[]>;
  /** Makes the directory and its parents (mode 0700); nothing when it is there. */
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file. ENOENT when it is not there. */
  remove(path: string): Promise<void>;
  stat(path: string): Promise<DiskStat | undefined>;
  syncDirectory(path: string): Promise<void>;
  space(path: string): Promise<DiskSpace>;
}

/** Hands out real sockets: nothing wraps the gateway's data path. */
export interface Network {
  connect(address: { host: string; port: number } | { path: string }): Socket;
  listen(
    address: { host: string; port: number } | { path: string },
    onSocket: (socket: Socket) => void,
  ): Promise<Server>;
}

/** A digest of bytes that come one after another. */
export interface StreamDigest {
  /** `data` must not change before the promise resolves. Calls take effect in their order. */
  update(data: Uint8Array): Promise<void>;
  /** Lower-case hex, of all that was given. Afterwards the digest is spent. */
  digest(): Promise<string>;
  /** Gives up what was not asked to its end. */
  forget(): void;
}

/** Digests computed beside the main thread. `data` must lie in shared memory. */
export interface DigestThread extends AsyncDisposable {
  md5(): StreamDigest;
}

/** Seals secrets for the disk. Authenticated: what was changed, or sealed for something else, does not open. */
export interface Sealer {
  /** `purpose` says whose secret it is, e.g. `certificate/UID`; it is not secret. */
  seal(secret: string, purpose: string): string;
  /** @throws `internal/corrupt`. */
  open(sealed: string, purpose: string): string;
}
