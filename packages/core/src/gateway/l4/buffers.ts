/**
 * What relays read into. Connections that carry little share one buffer, and what they read is copied: a write that waits
 * may not see the next read. Those that carry much get one of their own from a bounded pool, and nothing is copied.
 */
export interface BufferLimits {
  readonly sharedBufferBytes: number;
  readonly bulkBufferBytes: number;
  readonly maxBulkBuffers: number;
}

export class RelayBuffers {
  readonly shared: Buffer;
  readonly #limits: BufferLimits;
  readonly #free: Buffer[] = [];
  #made = 0;

  constructor(limits: BufferLimits) {
    this.#limits = limits;
    this.shared = Buffer.allocUnsafeSlow(limits.sharedBufferBytes);
  }

  /** Undefined: all are used. */
  take(): Buffer | undefined {
    const free = this.#free.pop();
    if (free !== undefined || this.#made === this.#limits.maxBulkBuffers) return free;
    this.#made++;
    return Buffer.allocUnsafeSlow(this.#limits.bulkBufferBytes);
  }

  /** No write reads it any more. */
  give(buffer: Buffer): void {
    this.#free.push(buffer);
  }

  /** For tests: those that are used. */
  get used(): number {
    return this.#made - this.#free.length;
  }
}
