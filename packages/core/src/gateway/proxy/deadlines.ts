/** What must happen by a time, looked at now and then. */

export interface Deadline {
  readonly atMs: number;
  readonly expire: () => void;
}

export class Deadlines {
  readonly #all = new Set<Deadline>();

  /** `expire` is called at some time after `atMs` (monotonic), unless it is deleted before. */
  add(atMs: number, expire: () => void): Deadline {
    const deadline = { atMs, expire };
    this.#all.add(deadline);
    return deadline;
  }

  delete(deadline: Deadline): void {
    this.#all.delete(deadline);
  }

  /** Gives when the next one is due; `Infinity` when there is none. */
  sweep(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const deadline of this.#all) {
      if (nowMs < deadline.atMs) {
        nextMs = Math.min(nextMs, deadline.atMs);
        continue;
      }
      this.#all.delete(deadline);
      deadline.expire();
    }
    return nextMs;
  }
}
