/**
 * What connections read into. Those that carry little share one buffer, and what they read is copied: a write that waits
 * may not see the next read. Those that carry much get one of their own while there are some, and nothing is copied.
 */
export interface ReadBufferLimits {
  readonly sharedBytes: number;
  readonly ownBytes: number;
  readonly maxOwn: number;
}

export class ReadBuffers {
  readonly shared: Buffer;
  readonly #limits: ReadBufferLimits;
  readonly #free: Buffer[] = [];
  #made = 0;

  constructor(limits: ReadBufferLimits) {
    this.#limits = limits;
    this.shared = Buffer.allocUnsafeSlow(limits.sharedBytes);
  }

  /** Undefined: all are used. */
  take(): Buffer | undefined {
    const free = this.#free.pop();
    if (free !== undefined || this.#made === this.#limits.maxOwn) return free;
    this.#made++;
    return Buffer.allocUnsafeSlow(this.#limits.ownBytes);
  }

  /** `isFree`: no write reads it any more. Else it is left to that write, and another one may be made. */
  give(buffer: Buffer, isFree: boolean): void {
    if (isFree) this.#free.push(buffer);
    else this.#made--;
  }

  /** For tests: those that are used. */
  get used(): number {
    return this.#made - this.#free.length;
  }
}
