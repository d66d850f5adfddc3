import { LIMITS } from "@skerry/core/contract/terms.ts";

/** Works on the items, a few at once, taking the next only when there is a hand free. The first rejection ends it. */
export async function forEachParallel<T>(items: AsyncIterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const running = new Set<Promise<void>>();
  let failed: { readonly error: unknown } | undefined;
  for await (const item of items) {
    const task = work(item)
      .catch((error: unknown) => {
        failed ??= { error };
      })
      .finally(() => running.delete(task));
    running.add(task);
    if (running.size >= LIMITS.cli.maxTransfers) await Promise.race(running);
    if (failed !== undefined) break;
  }
  await Promise.all(running);
  if (failed !== undefined) throw failed.error;
}
