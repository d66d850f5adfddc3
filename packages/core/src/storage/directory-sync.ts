/** Syncs of directories, coalesced: one sync covers all who asked before it began. */
import type { Disk } from "../domain/ports.ts";

export class DirectorySync {
  readonly #disk: Disk;
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Names that were made or removed in `path` before the call are durable when it resolves. */
  sync(path: string): Promise<void> {
    const running = this.#running.get(path);
    if (running === undefined) return this.#start(path);
    // The sync under way may have missed our name: wait for the one after it, together with all others.
    let next = this.#next.get(path);
    if (next === undefined) {
      next = running
        .catch(() => undefined)
        .then(() => {
          this.#next.delete(path);
          return this.#start(path);
        });
      this.#next.set(path, next);
    }
    return next;
  }

  #start(path: string): Promise<void> {
    const sync = this.#disk.syncDirectory(path).finally(() => {
      if (this.#running.get(path) === sync) this.#running.delete(path);
    });
    this.#running.set(path, sync);
    return sync;
  }
}
