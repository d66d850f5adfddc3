/** Things that change and tell so. */

/** Tells its listeners, at most once in `everyMs`, and always of the last change. */
export class Changes implements Disposable {
  readonly #listeners = new Set<() => void>();
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | undefined;
  #pending = false;
  #version = 0;

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** Counts what was told. */
  readonly version = (): number => this.#version;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** The first is told at once, those that follow closely together. */
  note(): void {
    if (this.#timer !== undefined) {
      this.#pending = true;
      return;
    }
    this.#tell();
    this.#arm();
  }

  /** What somebody waits for. What is pending is told with it. */
  noteNow(): void {
    this.#pending = false;
    this.#tell();
  }

  #arm(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (!this.#pending) return;
      this.#pending = false;
      this.#tell();
      this.#arm();
    }, this.#everyMs);
  }

  #tell(): void {
    this.#version++;
    for (const listener of this.#listeners) listener();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pending = false;
    this.#listeners.clear();
  }
}
