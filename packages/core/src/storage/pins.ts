/**
 * Keeps chunks that running readers still need from being removed. A reader looks the object up and pins what it found; a
 * removal first waits for the look-ups under way, so that none can come between look-up and pin.
 */
export class Pins {
  readonly #counts = new Map<string, number>();
  readonly #lookups = new Set<Promise<unknown>>();

  /** Runs a look-up whose result pins chunks before it resolves. */
  async duringLookup<T>(lookup: () => Promise<T>): Promise<T> {
    const running = lookup();
    const settled = running.then(
      () => undefined,
      () => undefined,
    );
    this.#lookups.add(settled);
    try {
      return await running;
    } finally {
      this.#lookups.delete(settled);
    }
  }

  /** Resolves when the look-ups that run now have pinned what they found. */
  async lookupsDone(): Promise<void> {
    await Promise.all(this.#lookups);
  }

  /** Gives the function that takes the pins off; calling it again does nothing. */
  pin(ids: readonly string[]): () => void {
    for (const id of ids) this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
    let pinned = true;
    return () => {
      if (!pinned) return;
      pinned = false;
      for (const id of ids) {
        const count = (this.#counts.get(id) ?? 1) - 1;
        if (count === 0) this.#counts.delete(id);
        else this.#counts.set(id, count);
      }
    };
  }

  has(id: string): boolean {
    return this.#counts.has(id);
  }

  get size(): number {
    return this.#counts.size;
  }
}
