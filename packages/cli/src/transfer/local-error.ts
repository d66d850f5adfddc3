/** What the operating system says about a file, as an error of ours. */
import { type ErrorId, SkerryError } from "@skerry/core/contract/errors.ts";

const MEANINGS: Readonly<Record<string, readonly [ErrorId, string]>> = {
  ENOENT: ["not_found", "there is no such file or folder"],
  EACCES: ["forbidden", "you may not"],
  EPERM: ["forbidden", "you may not"],
  EROFS: ["forbidden", "the file system is read-only"],
  EISDIR: ["invalid", "it is a folder"],
  ENOTDIR: ["invalid", "a file stands where a folder is needed"],
  ELOOP: ["invalid", "a link stands in the way"],
  ENAMETOOLONG: ["invalid", "the name is too long for this file system"],
  ENOSPC: ["exhausted/disk", "the disk is full"],
  EDQUOT: ["exhausted/quota", "your quota on this disk is used up"],
  EMFILE: ["exhausted", "too many files are open"],
  EEXIST: ["conflict/exists", "it is there already"],
  EIO: ["internal", "the disk reported an error"],
};

/** What the code says in words; unknown ones as they are. */
export function meaningOf(code: string | undefined): string {
  return MEANINGS[code ?? ""]?.[1] ?? code ?? "it is not known why";
}

/** `path` names the file when the error itself does not. */
export function localError(thrown: unknown, path?: string): SkerryError {
  if (thrown instanceof SkerryError) return thrown;
  const { code, path: own } = (thrown ?? {}) as NodeJS.ErrnoException;
  const meaning = code === undefined ? undefined : MEANINGS[code];
  if (meaning !== undefined) {
    return new SkerryError(meaning[0], `${path ?? own ?? "A file"}: ${meaning[1]}.`, { cause: thrown });
  }
  if (code !== undefined && path !== undefined) {
    return new SkerryError("internal", `${path}: ${(thrown as Error).message}.`, { cause: thrown });
  }
  // There is no log to look into here: what happened must be said.
  return new SkerryError("internal", `Something went wrong in skerry: ${String(thrown)}.`, { cause: thrown });
}
