/**
 * Token buckets as the generic cell rate algorithm has them (GCRA; ITU-T I.371, 1993): a bucket is one number, the time from
 * which it is full again. A full bucket says nothing, and needs no place.
 *
 * The table has a fixed size, and a place for each of a few keys that fall together (a set-associative cache). When all
 * of them are taken, the bucket that is the nearest to full gives way: it forgets the least. So a flood of keys that come once
 * each drives out its own, and not the buckets that are empty. Keys are hashes under a secret: nobody can choose where his fall.
 */
const WAYS = 8;

export interface RateTableOptions {
  /** Places; a power of 2. */
  readonly slots: number;
  /** What is spent is noted for others, until `takeSpent`; told when there is some. Absent: nobody wants to know. */
  readonly onSpent?: () => void;
}

export class RateTable {
  readonly #options: RateTableOptions;
  readonly #sets: number;
  /** When the bucket is full again; monotonic. */
  readonly #fullMs: Float64Array;
  readonly #high: Uint32Array;
  readonly #low: Uint32Array;
  /** What was spent and is not told yet, in the same time. */
  readonly #spentMs: Float64Array;
  /** Places where that is not 0. */
  #spenders: number[] = [];

  constructor(options: RateTableOptions) {
    this.#options = options;
    this.#sets = options.slots / WAYS;
    this.#fullMs = new Float64Array(options.slots);
    this.#high = new Uint32Array(options.slots);
    this.#low = new Uint32Array(options.slots);
    this.#spentMs = new Float64Array(options.onSpent === undefined ? 0 : options.slots);
  }

  /** How long until the bucket is full again; 0: it is. */
  emptyMs(high: number, low: number, nowMs: number): number {
    const slot = this.#find(high, low);
    return slot < 0 ? 0 : Math.max(0, (this.#fullMs[slot] as number) - nowMs);
  }

  /** Takes what fills in so long. */
  spend(high: number, low: number, ms: number, nowMs: number): void {
    const slot = this.#add(high, low, ms, nowMs);
    const { onSpent } = this.#options;
    if (onSpent === undefined) return;
    if (this.#spentMs[slot] === 0) {
      this.#spenders.push(slot);
      if (this.#spenders.length === 1) onSpent();
    }
    this.#spentMs[slot] = (this.#spentMs[slot] as number) + ms;
  }

  /** What was spent since the last time, of so many keys at most: high, low and time of each. Empty: nothing. */
  takeSpent(most: number): number[] {
    const spent: number[] = [];
    const slots = this.#spenders.splice(0, most);
    for (const slot of slots) {
      const ms = this.#spentMs[slot] as number;
      this.#spentMs[slot] = 0;
      // It had to give way since.
      if (ms > 0) spent.push(this.#high[slot] as number, this.#low[slot] as number, ms);
    }
    return spent;
  }

  get hasSpent(): boolean {
    return this.#spenders.length > 0;
  }

  /** What others have spent. */
  apply(spent: readonly number[], nowMs: number): void {
    for (let i = 0; i + 2 < spent.length; i += 3) {
      this.#add(spent[i] as number, spent[i + 1] as number, spent[i + 2] as number, nowMs);
    }
  }

  #find(high: number, low: number): number {
    const first = (low % this.#sets) * WAYS;
    for (let slot = first; slot < first + WAYS; slot++) {
      if (this.#low[slot] === low && this.#high[slot] === high) return slot;
    }
    return -1;
  }

  #add(high: number, low: number, ms: number, nowMs: number): number {
    let slot = this.#find(high, low);
    if (slot < 0) slot = this.#makeRoom(high, low);
    this.#fullMs[slot] = Math.max(this.#fullMs[slot] as number, nowMs) + ms;
    return slot;
  }

  #makeRoom(high: number, low: number): number {
    const first = (low % this.#sets) * WAYS;
    let slot = first;
    for (let other = first + 1; other < first + WAYS; other++) {
      if ((this.#fullMs[other] as number) < (this.#fullMs[slot] as number)) slot = other;
    }
    this.#high[slot] = high;
    this.#low[slot] = low;
    this.#fullMs[slot] = 0;
    if (this.#spentMs.length > 0) this.#spentMs[slot] = 0;
    return slot;
  }
}
