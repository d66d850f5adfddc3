/** Finds damage that no read has met yet, while there are backups that are young enough. */
import type { Job } from "../../../domain/jobs.ts";
import { LIMITS } from "../../../domain/limits.ts";
import type { Logger } from "../../../domain/telemetry.ts";
import type { SqliteIndex } from "./open.ts";

export function verifyJob(index: Pick<SqliteIndex, "verify">, log: Logger): Job {
  return {
    name: "index.verify",
    summary: "Looks at every row of the object index",
    everyMs: LIMITS.index.verifyEveryMs,
    async run({ signal }) {
      const { objects, chunks, complete } = await index.verify(signal);
      log.debug({ objects, chunks, counted: complete }, "the object index is sound");
    },
  };
}
