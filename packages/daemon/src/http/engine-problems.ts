/** What the status of the cloud says when the container engine is away. */
import type { ContainerStatus } from "@skerry/core/domain/compute.ts";
import type { Store } from "@skerry/core/domain/store.ts";

/** None while nothing is declared that needs the engine. */
export async function engineProblems(store: Pick<Store, "list">): Promise<readonly string[]> {
  let unknown = 0;
  let reason: string | undefined;
  for (let after: string | undefined; ; ) {
    const page = await store.list({ prefix: "/container/", ...(after === undefined ? {} : { after }) });
    for (const { key, value } of page.entries) {
      if (!key.endsWith("/status")) continue;
      const status = value as unknown as ContainerStatus;
      if (status.state !== "unknown") continue;
      unknown++;
      reason ??= status.reason;
    }
    after = page.next;
    if (after === undefined) break;
  }
  if (unknown === 0) return [];
  const what = unknown === 1 ? "1 container" : `${unknown} containers`;
  return [`The state of ${what} is unknown: ${reason ?? "the container engine does not answer."}`];
}
