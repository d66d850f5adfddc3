import { type ErrorId, SkerryError } from "@skerry/core/contract/errors.ts";

/** The same error in other words: what the API says to all is not always what helps a person at a terminal. */
export function reword(error: SkerryError, words: { readonly message?: string; readonly hint?: string }): SkerryError {
  const { code, reason, details } = error;
  const hint = words.hint ?? error.hint;
  return new SkerryError(
    (reason === undefined ? code : `${code}/${reason}`) as ErrorId,
    words.message ?? error.message,
    {
      cause: error,
      ...(hint === undefined ? {} : { hint }),
      ...(details === undefined ? {} : { details }),
    },
  );
}
