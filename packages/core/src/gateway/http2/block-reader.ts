/** Header blocks out of HEADERS and CONTINUATION (RFC 9113 6.2, 6.10), bounded in bytes and in frames (CVE-2024-27983). */
import { type DecoderLimits, type FieldBlock, HpackDecoder } from "./hpack-decoder.ts";
import {
  END_HEADERS,
  END_STREAM,
  ENHANCE_YOUR_CALM,
  Fault,
  FRAME_SIZE_ERROR,
  PADDED,
  PROTOCOL_ERROR,
  WITH_PRIORITY,
} from "./protocol.ts";

export interface BlockLimits extends DecoderLimits {
  /** CONTINUATION frames of one block. */
  readonly maxContinuations: number;
}

const BAD_PADDING = new Fault(PROTOCOL_ERROR, "The padding of a frame is larger than the frame.");
const TOO_SHORT = new Fault(FRAME_SIZE_ERROR, "A HEADERS frame is too short for what its flags say.");
const OUT_OF_PLACE = new Fault(PROTOCOL_ERROR, "A CONTINUATION frame continues nothing.");
const TOO_LARGE = new Fault(ENHANCE_YOUR_CALM, "A header block is larger than the limit.");
const TOO_MANY = new Fault(ENHANCE_YOUR_CALM, "A header block comes in too many frames.");
const PRIORITY_BYTES = 5;

export class BlockReader {
  /** Of the block that is being read, or was read last. */
  streamId = 0;
  endsStream = false;
  /** Only CONTINUATION may follow. */
  isOpen = false;

  readonly #decoder: HpackDecoder;
  readonly #limits: BlockLimits;
  #kept: Buffer | undefined;
  #keptBytes = 0;
  #continuations = 0;

  constructor(limits: BlockLimits) {
    this.#limits = limits;
    this.#decoder = new HpackDecoder(limits);
  }

  /** A HEADERS frame. Gives the block when it is whole. */
  begin(flags: number, id: number, bytes: Buffer, from: number, to: number): FieldBlock | Fault | undefined {
    let start = from;
    let end = to;
    if ((flags & PADDED) !== 0) {
      if (start === end) return TOO_SHORT;
      end -= bytes[start++] as number;
    }
    if ((flags & WITH_PRIORITY) !== 0) start += PRIORITY_BYTES;
    if (start > to) return TOO_SHORT;
    if (start > end) return BAD_PADDING;
    this.streamId = id;
    this.endsStream = (flags & END_STREAM) !== 0;
    if ((flags & END_HEADERS) !== 0) return this.#decoder.decode(bytes, start, end);
    this.isOpen = true;
    this.#keptBytes = 0;
    this.#continuations = 0;
    return this.#keep(bytes, start, end);
  }

  /** A CONTINUATION frame. */
  continue(flags: number, id: number, bytes: Buffer, from: number, to: number): FieldBlock | Fault | undefined {
    if (!this.isOpen || id !== this.streamId) return OUT_OF_PLACE;
    if (++this.#continuations > this.#limits.maxContinuations) return TOO_MANY;
    const fault = this.#keep(bytes, from, to);
    if (fault !== undefined || (flags & END_HEADERS) === 0) return fault;
    this.isOpen = false;
    const kept = this.#kept as Buffer;
    this.#kept = undefined;
    return this.#decoder.decode(kept, 0, this.#keptBytes);
  }

  #keep(bytes: Buffer, from: number, to: number): Fault | undefined {
    const needed = this.#keptBytes + to - from;
    if (needed > this.#limits.maxBlockBytes) return TOO_LARGE;
    if (this.#kept === undefined || this.#kept.length < needed) {
      const larger = Buffer.allocUnsafeSlow(Math.max(1024, needed * 2));
      this.#kept?.copy(larger, 0, 0, this.#keptBytes);
      this.#kept = larger;
    }
    this.#keptBytes += bytes.copy(this.#kept, this.#keptBytes, from, to);
    return undefined;
  }
}
