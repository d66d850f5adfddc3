/** How much a peer may send (RFC 9113 5.2): what was taken is given back to it, and more when it was taken as fast as it came. */
export class ReceiveWindow {
  /** What the peer may still send. */
  #left: number;
  /** What it may have on its way when nothing is. */
  #target: number;
  readonly #max: number;
  #unsaid = 0;

  constructor(bytes: number, maxBytes: number) {
    this.#left = bytes;
    this.#target = bytes;
    this.#max = maxBytes;
  }

  /** Bytes came. False: more than was allowed. */
  take(bytes: number): boolean {
    this.#left -= bytes;
    return this.#left >= 0;
  }

  /** Bytes were taken on. Gives by how much the peer is to be told that its window grows; 0: not yet. */
  giveBack(bytes: number, mayGrow: boolean): number {
    this.#unsaid += bytes;
    if (this.#unsaid * 2 < this.#target) return 0;
    let told = this.#unsaid;
    this.#unsaid = 0;
    if (mayGrow && this.#target < this.#max) {
      const target = Math.min(this.#max, 2 * this.#target);
      told += target - this.#target;
      this.#target = target;
    }
    this.#left += told;
    return told;
  }
}

interface BytesTaker {
  onData(bytes: Buffer, from: number, to: number): number;
}

/** Bytes that were not taken yet, in one buffer: they may have come one by one. */
export class HeldBytes {
  #bytes = EMPTY;
  #from = 0;
  #to = 0;

  get count(): number {
    return this.#to - this.#from;
  }

  add(bytes: Buffer, from: number, to: number): void {
    const needed = this.count + to - from;
    if (this.#to + to - from > this.#bytes.length) {
      const isRoomy = needed * 2 <= this.#bytes.length;
      const target = isRoomy ? this.#bytes : Buffer.allocUnsafeSlow(Math.max(1024, needed * 2));
      this.#bytes.copy(target, 0, this.#from, this.#to);
      this.#to = this.count;
      this.#from = 0;
      this.#bytes = target;
    }
    this.#to += bytes.copy(this.#bytes, this.#to, from, to);
  }

  /** Gives all to `taker`, which says behind which place of the buffer it has not taken more. Gives how many it took. */
  give(taker: BytesTaker): number {
    const from = this.#from;
    const end = taker.onData(this.#bytes, from, this.#to);
    this.#from = end;
    if (end === this.#to) this.clear();
    return end - from;
  }

  clear(): void {
    this.#bytes = EMPTY;
    this.#from = 0;
    this.#to = 0;
  }
}

const EMPTY = Buffer.alloc(0);

/** What the streams of a connection may have, at first and at most. */
export interface WindowLimits {
  /** Bytes of one stream that the peer may send before they are taken: at first, and when they are taken quickly. */
  readonly streamWindowBytes: number;
  readonly maxStreamWindowBytes: number;
  /** Of all streams of a connection. */
  readonly connectionWindowBytes: number;
}
