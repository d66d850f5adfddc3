/** Keeps part of every disk free: the reserve that new data may not touch, and the ballast for when it is full after all. */
import { join } from "node:path";
import { LIMITS } from "../domain/limits.ts";
import type { Disk, DiskSpace, Random } from "../domain/ports.ts";
import { diskFull, systemCode } from "./disk-error.ts";

/** Data that may be written before the disk is asked again how much is free. */
const MAX_BUDGET_BYTES = 16 * LIMITS.objects.ioBytes;

/** Free bytes below which a disk takes no more data: the smaller of the limit and 5 % of the disk. */
export function reserveBytes({ totalBytes }: DiskSpace): number {
  return Math.min(LIMITS.objects.diskReserveBytes, Math.floor(totalBytes * 0.05));
}

/** Guards the reserve of one chunkserver's disk without asking the disk before every write. */
export class DiskReserve {
  readonly #disk: Disk;
  readonly #server: string;
  readonly #directory: string;
  #budgetBytes = 0;

  constructor(disk: Disk, server: string, directory: string) {
    this.#disk = disk;
    this.#server = server;
    this.#directory = directory;
  }

  /** Allows `sizeBytes` more on the disk. @throws `exhausted/disk`, and what the disk throws. */
  async take(sizeBytes: number): Promise<void> {
    if (this.#budgetBytes < sizeBytes) {
      const space = await this.#disk.space(this.#directory);
      const roomBytes = space.freeBytes - reserveBytes(space);
      if (roomBytes < sizeBytes) throw diskFull(this.#server);
      // A quarter only: other chunkservers and programs write to the same disk.
      this.#budgetBytes = Math.max(sizeBytes, Math.min(MAX_BUDGET_BYTES, Math.floor(roomBytes / 4)));
    }
    this.#budgetBytes -= sizeBytes;
  }
}

export interface BallastOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly random: Random;
}

/** A file of real bytes that can be given up, so that the stores can still write when the disk is full. */
export interface Ballast {
  /** Makes the file whole when the disk has the room above its reserve; else leaves it as it is. True when it is whole. */
  restore(): Promise<boolean>;
  /** Gives the bytes back to the disk. Nothing when there are none. */
  release(): Promise<void>;
}

/** `LIMITS.objects.ballastBytes`, at most 1 % of the disk, in `DIRECTORY/ballast`. */
export function createBallast({ disk, directory, random }: BallastOptions): Ballast {
  const path = join(directory, "ballast");
  return {
    async restore() {
      const space = await disk.space(directory);
      const wantedBytes = Math.min(LIMITS.objects.ballastBytes, Math.floor(space.totalBytes / 100));
      await using file = await disk.open(path, { write: true, create: "if-missing" });
      let sizeBytes = await file.size();
      if (sizeBytes >= wantedBytes) return true;
      if (space.freeBytes - reserveBytes(space) < wantedBytes - sizeBytes) return false;
      try {
        while (sizeBytes < wantedBytes) {
          // Random bytes: a file system that compresses would keep zeros in no space at all.
          const piece = random.bytes(Math.min(LIMITS.objects.ioBytes, wantedBytes - sizeBytes));
          await file.write(piece, sizeBytes);
          sizeBytes += piece.byteLength;
        }
        await file.syncData();
        return true;
      } catch (error) {
        if (systemCode(error) === "ENOSPC") return false;
        throw error;
      }
    },
    async release() {
      await disk.remove(path).catch((error: unknown) => {
        if (systemCode(error) !== "ENOENT") throw error;
      });
    },
  };
}
