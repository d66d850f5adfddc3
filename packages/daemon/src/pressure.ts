/** Keeps room for the stores on a disk that others fill: gives up the ballast in time, takes it back when there is room. */
import type { Job } from "@skerry/core/domain/jobs.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { Clock, Disk } from "@skerry/core/domain/ports.ts";
import type { Logger } from "@skerry/core/domain/telemetry.ts";
import type { Ballast } from "@skerry/core/storage/reserve.ts";

const CHECK_EVERY_MS = 200;

export interface DiskPressure {
  /** Before a change: makes room when there is hardly any. Asks the disk at most five times a second. */
  relieve(): Promise<void>;
  readonly job: Job;
}

export function createDiskPressure(options: {
  ballast: Ballast;
  clock: Clock;
  disk: Disk;
  directory: string;
  log: Logger;
}): DiskPressure {
  const { ballast, clock, disk, directory, log } = options;
  let checkedMs = Number.NEGATIVE_INFINITY;
  let released = false;
  return {
    async relieve() {
      if (clock.monotonicMs() - checkedMs < CHECK_EVERY_MS) return;
      checkedMs = clock.monotonicMs();
      const { freeBytes } = await disk.space(directory);
      if (freeBytes >= LIMITS.objects.ballastBytes / 2) return;
      if (!released)
        log.warn({ freeBytes, directory }, "the disk is full: the ballast is given up so that deletes work");
      released = true;
      await ballast.release();
    },
    job: {
      name: "node.ballast",
      summary: "Holds back disk space for the stores",
      everyMs: 60_000,
      async run() {
        if (await ballast.restore()) released = false;
      },
    },
  };
}
