/** Where frames of WebSocket end (RFC 6455 5.2), without a look at what is in them; and the frame that says goodbye. */
import type { Random } from "../../domain/ports.ts";

const CLOSE = 0x8;
const MASKED = 0x80;
const MASK_BYTES = 4;
/** "Going away", as a server that stops says (RFC 6455 7.4.1). */
const GOING_AWAY = [0x03, 0xe9] as const;

/** Follows one direction. */
export class FrameEnds {
  /** A frame has said that it was the last. */
  hasClosed = false;
  #head = 0;
  #headBytes = 0;
  #opcode = 0;
  #lengthBytes = 0;
  #length = 0;
  #left = 0;

  /** The next byte begins a frame. */
  get isAtEnd(): boolean {
    return this.#headBytes === 0 && this.#left === 0;
  }

  /** Goes on to `to`, or to the first end of a frame with `stops`. Returns the place behind what it has gone over. */
  pass(buffer: Buffer, from: number, to: number, stops: boolean): number {
    let at = from;
    while (at < to) {
      if (this.#left > 0) {
        const count = Math.min(this.#left, to - at);
        this.#left -= count;
        at += count;
      } else this.#takeHead(buffer[at++] as number);
      if (stops && this.isAtEnd) return at;
    }
    return at;
  }

  #takeHead(byte: number): void {
    const place = this.#headBytes++;
    if (place === 0) this.#opcode = byte & 0xf;
    else if (place === 1) {
      const short = byte & 0x7f;
      this.#lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
      this.#length = this.#lengthBytes === 0 ? short : 0;
      this.#head = 2 + this.#lengthBytes + ((byte & MASKED) === 0 ? 0 : MASK_BYTES);
    } else if (place < 2 + this.#lengthBytes) this.#length = this.#length * 256 + byte;
    if (place === 0 || this.#headBytes < this.#head) return;
    this.#headBytes = 0;
    this.#left = this.#length;
    if (this.#opcode === CLOSE) this.hasClosed = true;
  }
}

/** To a client. */
export function goingAway(): Buffer {
  return Buffer.from([0x80 | CLOSE, GOING_AWAY.length, ...GOING_AWAY]);
}

/** To a server: masked (RFC 6455 5.3). */
export function maskedGoingAway(random: Random): Buffer {
  const mask = random.bytes(MASK_BYTES);
  const masked = GOING_AWAY.map((byte, i) => byte ^ (mask[i] as number));
  return Buffer.from([0x80 | CLOSE, MASKED | GOING_AWAY.length, ...mask, ...masked]);
}
