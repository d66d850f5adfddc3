/**
 * Time that costs nothing to read, and a look now and then at what is overdue. When nobody has read it for a whole turn and
 * nothing is due, it sleeps: connections that stand still cost no wake-ups.
 */
export interface SweeperOptions {
  readonly monotonicMs: () => number;
  readonly everyMs: number;
  /** Does what is overdue, and gives when to look again at the latest; `Infinity`: when something happens. */
  readonly sweep: (nowMs: number) => number;
}

export class Sweeper {
  readonly #options: SweeperOptions;
  #nowMs: number;
  #isAsleep = true;
  #isRead = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SweeperOptions) {
    this.#options = options;
    this.#nowMs = options.monotonicMs();
  }

  /** Monotonic, at most `everyMs` ago. */
  get nowMs(): number {
    this.#isRead = true;
    if (this.#isAsleep) {
      this.#isAsleep = false;
      this.#nowMs = this.#options.monotonicMs();
      this.#arm(this.#options.everyMs);
    }
    return this.#nowMs;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #arm(inMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#turn(), inMs);
    this.#timer.unref();
  }

  #turn(): void {
    const { everyMs, monotonicMs, sweep } = this.#options;
    const wasRead = this.#isRead;
    this.#nowMs = monotonicMs();
    // What it does reads the time.
    this.#isAsleep = false;
    this.#isRead = false;
    const waitMs = sweep(this.#nowMs) - this.#nowMs;
    this.#isAsleep = !wasRead && !this.#isRead && waitMs > everyMs;
    if (!this.#isAsleep) this.#arm(everyMs);
    else if (waitMs < Number.POSITIVE_INFINITY) this.#arm(waitMs);
  }
}
