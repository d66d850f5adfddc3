import { type ErrorId, isError, SkerryError } from "@skerry/core/contract/errors.ts";

/** The same error in other words: what the API says to all is not always what helps a person at a terminal. */
export function reword(
  error: SkerryError,
  words: { readonly message?: string; readonly hint?: string; readonly details?: Readonly<Record<string, unknown>> },
): SkerryError {
  const { code, reason } = error;
  const { hint = error.hint, details = error.details } = words;
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

/** An answer of the API that refuses the credential, or a value, in terms of what was typed. `source`: see `Connection`. */
export function rewordAnswer(error: SkerryError, source: string | undefined): SkerryError {
  // A password that is wrong is another matter.
  if (isError(error, "unauthenticated") && !error.message.includes("password")) {
    const hint =
      source === undefined
        ? "Log in: skerry login"
        : `The token came from ${source}.\nGive another, or leave it out and log in: skerry login`;
    return reword(error, { hint });
  }
  const problems = error.details?.["problems"];
  if (error.code !== "invalid" || !Array.isArray(problems)) return error;
  const told = problems.map(({ field, rule }: { field?: unknown; rule?: unknown }) => {
    return `${String(field).replace(/^(body|query|path)\.(spec\.)?/, "")}: ${String(rule)}`;
  });
  return reword(error, { message: `${told.join("; ")}.` });
}
