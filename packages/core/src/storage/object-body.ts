/** The body of an object that is being read. Its chunks stay until it is read to the end, returned, failed or aborted. */
export class ObjectBody implements AsyncIterableIterator<Uint8Array> {
  readonly #pieces: AsyncGenerator<Uint8Array, void, undefined>;
  readonly #signal: AbortSignal;
  readonly #stop = (): void => {
    void this.return();
  };
  #release: (() => void) | undefined;
  #first: IteratorResult<Uint8Array, void> | undefined;

  constructor(pieces: AsyncGenerator<Uint8Array, void, undefined>, signal: AbortSignal, release: () => void) {
    this.#pieces = pieces;
    this.#signal = signal;
    this.#release = release;
    if (signal.aborted) this.#end();
    else signal.addEventListener("abort", this.#stop, { once: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Reads what comes first, and keeps it. @throws as `next`. */
  async begin(): Promise<void> {
    const first = await this.next();
    this.#first = first;
  }

  /** Rejects with the signal's reason once it is aborted. */
  async next(): Promise<IteratorResult<Uint8Array, void>> {
    try {
      this.#signal.throwIfAborted();
      const first = this.#first;
      this.#first = undefined;
      if (first !== undefined) return first;
      const result = await this.#pieces.next();
      this.#signal.throwIfAborted();
      if (result.done) this.#end();
      return result;
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  /** Ends the reading early. */
  async return(): Promise<IteratorResult<Uint8Array, void>> {
    try {
      return await this.#pieces.return();
    } finally {
      this.#end();
    }
  }

  #end(): void {
    this.#signal.removeEventListener("abort", this.#stop);
    this.#release?.();
    this.#release = undefined;
  }
}
