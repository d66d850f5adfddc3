/** What a worker shares with the others of the answers that it keeps. */
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { CommonFiles, type CommonPlace } from "@skerry/core/gateway/actions/cache/between-workers/common-files.ts";
import { realRandom as random } from "@skerry/core/platform/random.ts";

/** `onError`: without it, each worker keeps its own. */
export function openCommonCache(
  place: CommonPlace | undefined,
  onError: (text: string) => void,
): { readonly commonCache?: CommonFiles } {
  if (place === undefined) return {};
  const { collapseMs, maxCommonSavingBytes, maxMarkFiles } = LIMITS.actions;
  // All processes of a machine read the same monotonic clock, each from its own start.
  const originMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();
  const bounds = { maxLockMs: collapseMs, maxSavingBytes: maxCommonSavingBytes, maxMarkFiles };
  const commonCache = new CommonFiles({ ...place, ...bounds, random, originMs });
  commonCache.adopt().catch((error: unknown) => onError(`files of kept answers cannot be read: ${error}`));
  return { commonCache };
}
