/** What the system says about the data directory, as errors that tell what to do. */
import { SkerryError } from "@skerry/core/domain/errors.ts";

export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

/** The error of an operation on the data directory `path`. Ours stay as they are. */
export function dataFailure(error: unknown, path: string): SkerryError {
  if (error instanceof SkerryError) return error;
  const code = systemCode(error);
  const more = (hint: string) => ({ hint, cause: error, details: { path } });
  switch (code) {
    case "EROFS":
      return new SkerryError(
        "unavailable",
        `The data directory ${path} lies on a read-only file system.`,
        more(
          "Mount it for writing (a disk error may have made it read-only: see dmesg), or choose another: --data DIR.",
        ),
      );
    case "EACCES":
    case "EPERM":
      return new SkerryError(
        "forbidden",
        `The data directory ${path} cannot be used: the system refuses access (${code}).`,
        more("Make it, or the directory above it, accessible to this user, or choose another: --data DIR."),
      );
    case "ENOSPC":
    case "EDQUOT":
      return new SkerryError(
        "exhausted/disk",
        `The disk under the data directory ${path} is full (${code}).`,
        more("Free some space, or choose a directory on another disk: --data DIR."),
      );
    case "ENOENT":
    case "ENOTDIR":
    case "ELOOP":
    case "ENAMETOOLONG":
      return new SkerryError(
        "invalid",
        `The data directory ${path} cannot be made: a part of the path is not usable (${code}).`,
        more("Choose a path whose parts are directories: --data DIR."),
      );
    default:
      return new SkerryError(
        "unavailable",
        `The data directory ${path} cannot be used (${code ?? "unknown error"}).`,
        more("See the cause, or choose another: --data DIR."),
      );
  }
}
