/**
 * What a driver keeps for the store: a header, a snapshot of the state before the oldest revision that is kept, and one
 * record for each transaction since. The engine decides what is in them; a driver makes them durable and finds damage.
 */
import { SkerryError } from "../domain/errors.ts";
import type { Entry, Json } from "../domain/store.ts";

/** Version of the log's format. Newer ones are refused. */
const LOG_VERSION = 1;
const FORMAT = "skerry-store";

export interface LogHeader {
  readonly format: string;
  readonly version: number;
  /** Identity of this store, made with it. */
  readonly store: string;
  /** Identity of the cloud it belongs to, if it was told. */
  readonly cluster?: string;
  readonly createdAt: string;
  /** The snapshot shows this revision. */
  readonly base: number;
  /** Sequence number of the last record that the snapshot replaced; records go on from the next. */
  readonly seq: number;
}

export interface LoggedLease {
  readonly id: string;
  readonly ttlMs: number;
}

/** A part of the snapshot. The last one says so, which shows that none is missing. */
export interface SnapshotPart {
  readonly entries?: readonly Entry[];
  readonly leases?: readonly LoggedLease[];
  readonly last?: true;
}

export type LoggedOp =
  | {
      readonly put: string;
      readonly value: Json;
      readonly labels?: Readonly<Record<string, string>>;
      readonly lease?: string;
    }
  | { readonly delete: string }
  | { readonly deletePrefix: string };

/** One transaction. `rev` is the store's revision after it: the previous one when it wrote no key (leases). */
export interface LogRecord {
  readonly rev: number;
  /** Highest sequence number known durable when this was written: what is damaged at or before it was acknowledged. */
  readonly durable: number;
  readonly ops: readonly LoggedOp[];
  readonly grant?: LoggedLease;
  /** The lease that ended. */
  readonly end?: string;
}

export interface NumberedRecord extends LogRecord {
  readonly seq: number;
  /** Length of its JSON. */
  readonly sizeBytes: number;
}

/** A record on its way into the log. `body` is the JSON of a `LogRecord`, on one line. */
export interface LogLine {
  readonly seq: number;
  readonly body: string;
}

/** What a driver found when it opened the log. Everything in it is durable, also what nobody was told of. */
export interface RecoveredLog {
  readonly header: LogHeader;
  readonly snapshot: readonly SnapshotPart[];
  readonly records: readonly NumberedRecord[];
}

/** Calls never overlap: the store waits for one before it makes the next. */
export interface LogDriver {
  /** Name for messages and metrics: `nedb`, `sqlite`, `memory`. */
  readonly name: string;
  /** Resolves when all lines are on stable storage. After a rejection the store makes no further call but `close`. */
  append(lines: readonly LogLine[]): Promise<void>;
  /**
   * Replaces header, snapshot and all records before `keepFrom` in one step that a crash cannot halve. A rejection means that
   * the log is as it was, unless the error is a `LogLost`.
   */
  rewrite(header: LogHeader, snapshot: AsyncIterable<string>, keepFrom: number): Promise<void>;
  /** The driver calls this once when it stops working on its own (its thread died). */
  onFailure?(listener: (error: Error) => void): void;
  close(): Promise<void>;
}

/** Thrown by `rewrite` when the log takes no more records. */
export class LogLost extends Error {
  constructor(cause: unknown) {
    super("The log cannot be written any more.", { cause });
  }
}

export function newHeader(store: string, createdAt: string, cluster?: string): LogHeader {
  return {
    format: FORMAT,
    version: LOG_VERSION,
    store,
    ...(cluster === undefined ? {} : { cluster }),
    createdAt,
    base: 0,
    seq: 0,
  };
}

/** The snapshot of a new store. */
export const EMPTY_SNAPSHOT: SnapshotPart = { leases: [], last: true };

/**
 * @throws `unsupported/version` for a newer format, `invalid` for a log of another cloud, `internal/corrupt` for what is no
 * header at all.
 */
export function assertHeader(header: Partial<LogHeader>, path: string, cluster?: string): asserts header is LogHeader {
  if (header.format !== FORMAT || typeof header.version !== "number") {
    throw corrupt(path, "its first record is not the header of a Skerry store");
  }
  if (header.version > LOG_VERSION) {
    throw new SkerryError(
      "unsupported/version",
      `The store ${path} has format ${header.version}; this version of Skerry knows formats up to ${LOG_VERSION}.`,
      { hint: "Start the newer version of Skerry that wrote it, or restore a backup made by this one." },
    );
  }
  if (cluster !== undefined && header.cluster !== undefined && header.cluster !== cluster) {
    throw new SkerryError(
      "invalid",
      `The store ${path} belongs to another cloud (${header.cluster}, not ${cluster}).`,
      {
        hint: "Check the data directory: --data must name the one of this cloud.",
      },
    );
  }
}

/** Acknowledged data is damaged or missing. Nothing was changed. */
export function corrupt(path: string, what: string, details: Record<string, unknown> = {}): SkerryError {
  return new SkerryError("internal/corrupt", `The store ${path} is damaged: ${what}. Nothing was changed.`, {
    hint:
      `Restore ${path} and the files beside it that begin with the same name from a backup, or from a copy of this disk, ` +
      "then start again. Keep the damaged files: what is in them can be read with a text editor or sqlite3.",
    details: { path, ...details },
  });
}
