/** What is kept of a route's answers goes, in all workers and in what they share. */
import { purgeCommonFiles } from "@skerry/core/gateway/actions/cache/between-workers/common-files.ts";
import type { Fleet } from "./fleet.ts";

/** Of one path, of all that begin so when it ends with `*`, or of all. @throws `unavailable/timeout`. */
export async function purge(
  fleet: Pick<Fleet, "publish" | "activated">,
  cacheDirectory: string,
  route: string,
  path: string | undefined,
): Promise<void> {
  const tell = async (): Promise<void> => {
    fleet.publish({ put: [], putL4: [], remove: [], purge: { route, ...(path === undefined ? {} : { path }) } });
    await fleet.activated();
  };
  // From here on nobody writes a file of what was asked for before.
  await tell();
  await purgeCommonFiles(cacheDirectory, route, path);
  // Nor does anybody keep what was read of one meanwhile.
  await tell();
}
