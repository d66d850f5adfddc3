/** Messages between the store's thread and the SQLite thread. */
import { type ErrorId, SkerryError } from "../../../domain/errors.ts";
import type { LogHeader, LogLine } from "../../log.ts";
import type { StoredLog } from "./verify.ts";

export type SqliteCall =
  | { readonly call: "open"; readonly path: string; readonly cluster?: string; readonly fresh: FreshLog }
  | { readonly call: "append"; readonly lines: readonly LogLine[] }
  | { readonly call: "begin-rewrite" }
  | { readonly call: "add-parts"; readonly parts: readonly string[] }
  | { readonly call: "finish-rewrite"; readonly header: LogHeader; readonly keepFrom: number }
  | { readonly call: "cancel-rewrite" }
  | { readonly call: "close" };

export interface FreshLog {
  readonly header: LogHeader;
  readonly snapshot: string;
}

/** Answer to `open`. */
export interface OpenedLog {
  readonly stored: StoredLog;
  /** The watermark was damaged or belonged to another log. */
  readonly markIgnored: boolean;
}

export type SqliteAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: PostedError };

/** Errors lose their class on the way between threads. */
export interface PostedError {
  readonly id?: string;
  readonly message: string;
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly code?: string;
  readonly stack?: string;
}

export function packError(error: unknown): PostedError {
  if (error instanceof SkerryError) {
    return {
      id: error.reason === undefined ? error.code : `${error.code}/${error.reason}`,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(error.details === undefined ? {} : { details: error.details }),
    };
  }
  if (!(error instanceof Error)) return { message: String(error) };
  const { code } = error as NodeJS.ErrnoException;
  return {
    message: error.message,
    ...(code === undefined ? {} : { code }),
    ...(error.stack === undefined ? {} : { stack: error.stack }),
  };
}

export function unpackError(posted: PostedError): Error {
  if (posted.id !== undefined) {
    return new SkerryError(posted.id as ErrorId, posted.message, {
      ...(posted.hint === undefined ? {} : { hint: posted.hint }),
      ...(posted.details === undefined ? {} : { details: posted.details }),
    });
  }
  const error = new Error(posted.message);
  if (posted.stack !== undefined) error.stack = posted.stack;
  return posted.code === undefined ? error : Object.assign(error, { code: posted.code });
}
