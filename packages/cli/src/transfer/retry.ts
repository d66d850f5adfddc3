/** Trying again, a bounded number of times, when that may help. */
import { setTimeout as sleep } from "node:timers/promises";
import { isError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";

/** Waits longer after each of the attempts before. @throws the error when another attempt cannot help. */
export async function pauseBeforeRetry(error: unknown, attempts: number, signal: AbortSignal): Promise<void> {
  const mayHelp =
    isError(error, "unavailable") || isError(error, "exhausted/overload") || isError(error, "exhausted/rate");
  if (signal.aborted || !mayHelp || attempts >= LIMITS.cli.maxResumes) throw error;
  const pauseMs = Math.min(LIMITS.cli.minResumePauseMs * 2 ** attempts, LIMITS.cli.maxResumePauseMs);
  await sleep(pauseMs, undefined, { signal });
}

/** For what has the same effect when it is done twice. */
export async function retrying<T>(
  signal: AbortSignal,
  work: () => Promise<T>,
  worthIt: () => boolean = () => true,
): Promise<T> {
  for (let attempts = 0; ; attempts++) {
    try {
      return await work();
    } catch (error) {
      if (!worthIt()) throw error;
      await pauseBeforeRetry(error, attempts, signal);
    }
  }
}
