/** What SQLite's error codes mean for the index, and errors as messages between threads. */
import { type ErrorId, SkerryError } from "../../../domain/errors.ts";
import { damaged } from "./rows.ts";

/** full: rolled back, goes on; corrupt, failed: the index takes no more writes; none: not an error of the storage. */
export type Fault = "full" | "corrupt" | "failed" | "none";

/** An error in the SQL: ours is fixed, so the schema in the file has changed. */
const SQLITE_ERROR = 1;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_TOOBIG = 18; // what we write never is
const SQLITE_CONSTRAINT = 19;
const SQLITE_NOTADB = 26;
/** The shared memory beside the log could not grow, for want of room. */
const SQLITE_IOERR_SHMSIZE = 4874;

export function faultOf(error: unknown): Fault {
  if (!(error instanceof Error)) return "none";
  const { code, errcode } = error as { code?: string; errcode?: number };
  if (code === "ERR_OUT_OF_RANGE") return "corrupt"; // an integer that we never wrote
  if (code === "ENOSPC" || code === "EDQUOT") return "full";
  if (code === "EIO" || code === "EROFS") return "failed";
  if (code !== "ERR_SQLITE_ERROR" || errcode === undefined) return "none";
  if (isSharedMemoryFull(error)) return "full";
  switch (errcode & 0xff) {
    case SQLITE_FULL:
      return "full";
    case SQLITE_ERROR:
    case SQLITE_CORRUPT:
    case SQLITE_TOOBIG:
    case SQLITE_NOTADB:
      return "corrupt";
    default:
      return "failed";
  }
}

export function isConstraint(error: unknown): boolean {
  const { code, errcode = 0 } = error as { code?: string; errcode?: number };
  return code === "ERR_SQLITE_ERROR" && (errcode & 0xff) === SQLITE_CONSTRAINT;
}

/** The one full disk that shows only after a commit has written and synced all its frames. */
export function isSharedMemoryFull(error: unknown): boolean {
  const { code, errcode } = error as { code?: string; errcode?: number };
  return code === "ERR_SQLITE_ERROR" && errcode === SQLITE_IOERR_SHMSIZE;
}

/** The error that callers see. */
export function publicError(error: unknown): SkerryError {
  if (error instanceof SkerryError) return error;
  const cause = error instanceof Error ? error.message : String(error);
  switch (faultOf(error)) {
    case "full":
      return new SkerryError("exhausted/disk", "The disk of the object index is full; nothing was changed.", {
        hint: "Make room on the disk of DATA, or remove objects.",
        cause: error,
      });
    case "corrupt":
      return damaged(`SQLite reports "${cause}"`);
    case "failed":
      return new SkerryError("unavailable/closed", "The object index could not be read or written.", {
        hint: "Look at the disk and the daemon's log, then restart the daemon.",
        cause: error,
      });
    default:
      return new SkerryError("internal", "Something went wrong inside the object index; the log has the cause.", {
        cause: error,
      });
  }
}

/** An error as it travels between threads: structured clone would lose its class. */
export interface WireError {
  readonly id: ErrorId;
  readonly message: string;
  readonly hint?: string;
  /** For the log. */
  readonly cause?: string;
}

export function toWire(error: unknown): WireError {
  const { code, reason, message, hint, cause } = publicError(error);
  return {
    id: (reason === undefined ? code : `${code}/${reason}`) as ErrorId,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) }),
  };
}

export function fromWire({ id, message, hint, cause }: WireError): SkerryError {
  return new SkerryError(id, message, {
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}
