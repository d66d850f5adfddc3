/** What an error of the disk means to a caller of a chunkserver. */
import { SkerryError } from "../domain/errors.ts";

export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Conditions of this process or this moment; they say nothing about the disk. */
const PASSING: readonly string[] = ["EMFILE", "ENFILE", "ENOMEM", "EAGAIN", "EINTR"];

/** A link, a pipe or a directory in a file's place. */
export const NOT_A_FILE: readonly string[] = ["EFTYPE", "ELOOP", "EISDIR", "ENOTDIR", "ENOTEMPTY"];

export function diskFull(server: string, cause?: unknown): SkerryError {
  return new SkerryError("exhausted/disk", `The disk of chunkserver ${server} is full.`, {
    hint: "Remove objects, or give the chunkserver a larger disk.",
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * `exhausted/disk` when there was no room, `exhausted/overload` when this process could not ask, `internal/corrupt` when
 * what lies there is no file, else `unavailable/replicas`; ours stay as they are.
 */
export function fromDiskError(server: string, what: string, error: unknown): SkerryError {
  if (error instanceof SkerryError) return error;
  const code = systemCode(error);
  if (code === "ENOSPC" || code === "EDQUOT") return diskFull(server, error);
  if (code !== undefined && PASSING.includes(code)) {
    return new SkerryError("exhausted/overload", `Chunkserver ${server} could not ${what} just now (${code}).`, {
      cause: error,
    });
  }
  if (code !== undefined && NOT_A_FILE.includes(code)) {
    return new SkerryError("internal/corrupt", `Chunkserver ${server} could not ${what}: what lies there is no file.`, {
      cause: error,
    });
  }
  return new SkerryError(
    "unavailable/replicas",
    `Chunkserver ${server} could not ${what}${code ? ` (${code})` : ""}.`,
    {
      cause: error,
    },
  );
}
