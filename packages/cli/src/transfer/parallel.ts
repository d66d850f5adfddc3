import { LIMITS } from "@skerry/core/contract/terms.ts";

/**
 * Works on the items, a few at once, taking the next only when there is a hand free. The first rejection, of the work or of
 * the items, ends it; what has begun is waited for: afterwards nothing runs that would use what the caller closes.
 */
export async function forEachParallel<T>(
  items: AsyncIterable<T> | Iterable<T>,
  work: (item: T) => Promise<void>,
  atOnce: number = LIMITS.cli.maxTransfers,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let failed: { readonly error: unknown } | undefined;
  try {
    for await (const item of items) {
      const task = work(item)
        .catch((error: unknown) => {
          failed ??= { error };
        })
        .finally(() => running.delete(task));
      running.add(task);
      if (running.size >= atOnce) await Promise.race(running);
      if (failed !== undefined) break;
    }
  } catch (error) {
    failed ??= { error };
  }
  await Promise.all(running);
  if (failed !== undefined) throw failed.error;
}
