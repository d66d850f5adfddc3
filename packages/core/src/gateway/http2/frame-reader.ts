/**
 * Cuts bytes into frames (RFC 9113 4.1), wherever they were cut before. The bytes of DATA are passed on as they come; every
 * other frame is given whole. A frame that is larger than we take ends the connection before anything of it is kept.
 */
import {
  DATA,
  END_STREAM,
  Fault,
  FRAME_BYTES,
  FRAME_HEAD_BYTES,
  FRAME_SIZE_ERROR,
  PADDED,
  PROTOCOL_ERROR,
} from "./protocol.ts";

/** Gets frames in their order; whoever gives a fault gets nothing more. */
export interface FrameTaker {
  /** Any frame but DATA; its payload lies in `buffer`, which is used again. */
  onFrame(type: number, flags: number, id: number, buffer: Buffer, from: number, to: number): Fault | undefined;
  /** A frame of DATA begins: `flowBytes` count for its windows, `dataBytes` will come. */
  onDataBegin(id: number, flowBytes: number, dataBytes: number, endsStream: boolean): Fault | undefined;
  onDataBytes(buffer: Buffer, from: number, to: number): void;
  /** All its bytes have been given. */
  onDataEnd(): void;
}

const TOO_LARGE = new Fault(FRAME_SIZE_ERROR, "A frame is larger than 16384 bytes.");
const BAD_PADDING = new Fault(PROTOCOL_ERROR, "The padding of a frame is larger than the frame.");

const IN_HEAD = 0;
const IN_PAYLOAD = 1;
const AT_PADDING = 2;
const IN_DATA = 3;
const IN_PADDING = 4;

export class FrameReader {
  /** Set when `take` has met what is no frame. */
  fault: Fault | undefined;

  readonly #taker: FrameTaker;
  #state = IN_HEAD;
  readonly #head = Buffer.allocUnsafe(FRAME_HEAD_BYTES);
  /** Bytes of the head, or of the payload, that are kept. */
  #kept = 0;
  #payload: Buffer | undefined;
  #length = 0;
  #type = 0;
  #flags = 0;
  #id = 0;
  /** Of DATA: bytes that still come, and of its padding. */
  #left = 0;
  #padding = 0;

  constructor(taker: FrameTaker) {
    this.#taker = taker;
  }

  /** Takes all bytes, unless `fault` is set. */
  take(buffer: Buffer, from: number, to: number): void {
    let at = from;
    while (at < to && this.fault === undefined) {
      switch (this.#state) {
        case IN_HEAD:
          at = this.#takeHead(buffer, at, to);
          break;
        case IN_PAYLOAD:
          at = this.#takePayload(buffer, at, to);
          break;
        case AT_PADDING:
          this.#padding = buffer[at++] as number;
          this.#left = this.#length - 1 - this.#padding;
          if (this.#left < 0) this.fault = BAD_PADDING;
          else this.#beginData();
          break;
        default:
          at = this.#takeData(buffer, at, to);
      }
    }
  }

  #takeHead(buffer: Buffer, from: number, to: number): number {
    let bytes = buffer;
    let at = from;
    let next = from + FRAME_HEAD_BYTES;
    if (this.#kept > 0 || next > to) {
      next = Math.min(to, next - this.#kept);
      for (let i = from; i < next; i++) this.#head[this.#kept++] = buffer[i] as number;
      if (this.#kept < FRAME_HEAD_BYTES) return to;
      bytes = this.#head;
      at = 0;
    }
    const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    this.#length = length;
    this.#type = bytes[at + 3] as number;
    this.#flags = bytes[at + 4] as number;
    this.#id =
      (((bytes[at + 5] as number) & 0x7f) << 24) |
      ((bytes[at + 6] as number) << 16) |
      ((bytes[at + 7] as number) << 8) |
      (bytes[at + 8] as number);
    this.#kept = 0;
    if (length > FRAME_BYTES) {
      this.fault = TOO_LARGE;
      return next;
    }
    if (this.#type === DATA) this.#startData();
    else if (to - next >= length) {
      this.fault = this.#taker.onFrame(this.#type, this.#flags, this.#id, buffer, next, next + length);
      return next + length;
    } else this.#state = IN_PAYLOAD;
    return next;
  }

  #takePayload(buffer: Buffer, from: number, to: number): number {
    this.#payload ??= Buffer.allocUnsafeSlow(this.#length);
    const end = Math.min(to, from + this.#length - this.#kept);
    this.#kept += buffer.copy(this.#payload, this.#kept, from, end);
    if (this.#kept < this.#length) return end;
    const payload = this.#payload;
    this.#payload = undefined;
    this.#kept = 0;
    this.#state = IN_HEAD;
    this.fault = this.#taker.onFrame(this.#type, this.#flags, this.#id, payload, 0, this.#length);
    return end;
  }

  #startData(): void {
    this.#padding = 0;
    this.#left = this.#length;
    if ((this.#flags & PADDED) === 0) this.#beginData();
    else if (this.#length === 0) this.fault = BAD_PADDING;
    else this.#state = AT_PADDING;
  }

  #beginData(): void {
    const endsStream = (this.#flags & END_STREAM) !== 0;
    this.fault = this.#taker.onDataBegin(this.#id, this.#length, this.#left, endsStream);
    this.#state = this.#left > 0 ? IN_DATA : IN_PADDING;
    if (this.fault === undefined && this.#left + this.#padding === 0) this.#endData();
  }

  #takeData(buffer: Buffer, from: number, to: number): number {
    let at = from;
    if (this.#left > 0) {
      at = Math.min(to, from + this.#left);
      this.#left -= at - from;
      this.#taker.onDataBytes(buffer, from, at);
    }
    const padding = Math.min(to - at, this.#padding);
    this.#padding -= padding;
    if (this.#left + this.#padding === 0) this.#endData();
    return at + padding;
  }

  #endData(): void {
    this.#state = IN_HEAD;
    this.#taker.onDataEnd();
  }
}
