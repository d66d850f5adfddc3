/**
 * Finds the end of a head in bytes. One that comes in one piece is not copied and only searched: what can be in no head is
 * found by who reads its lines. One that comes in pieces is looked at byte by byte and refused on the way, for its end may
 * never come: a line feed without a carriage return before it, a carriage return without a line feed behind it, control
 * characters.
 */
import { BARE_CR, BARE_LF, CONTROL, CR, LF, LINE, latin1, Refusal, SP } from "./grammar.ts";

export interface HeadLimits {
  /** Bytes of a whole head. Beyond: `invalid/headers`. */
  readonly maxHeadBytes: number;
  /** Bytes of a request's target. Beyond: `invalid/target`. */
  readonly maxTargetBytes: number;
  /** Header lines. Beyond: `invalid/headers`. */
  readonly maxHeaders: number;
}

/** Where a whole head lies: see `HeadReader`. */
export interface HeadBytes {
  readonly bytes: Buffer;
  readonly from: number;
  readonly text: string;
}

/** What precedes the target in the longest request line that is worth waiting for. */
const METHOD_BYTES = 64;
/** Heads up to this are searched for their end at once; less than any limit. */
const SHORT_BYTES = 2048;

const AT_START = 0;
const IN_LINE = 1;
const AFTER_CR = 2;
const AT_LINE_START = 3;
const AFTER_LAST_CR = 4;
const AFTER_FIRST_CR = 5;
const AFTER_BLANK = 6;

export const TOO_LARGE_HEAD = new Refusal("invalid/headers", "The head of the message exceeds the limit.");
export const TOO_LONG_TARGET = new Refusal("invalid/target", "The target of the request exceeds the limit.");
const BLANK = new Refusal("invalid", "Blank lines stand before the request.");

export class HeadReader {
  /** Where the head lies after `take` has found its end: from the first line to the blank line, inclusive. */
  bytes: Buffer = Buffer.alloc(0);
  from = 0;
  to = 0;
  /** The same in latin1, and perhaps what stands behind it. */
  text = "";
  /** Set when `take` has given -1 for good. */
  refusal: Refusal | undefined;

  readonly #limits: HeadLimits;
  #state = AT_START;
  #kept: Buffer | undefined;
  #keptBytes = 0;
  /** Bytes of blank lines in front. */
  #skipped = 0;
  #firstLineSeen = false;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  /** True when bytes of an unfinished head are there. */
  get begun(): boolean {
    return this.#state !== AT_START;
  }

  reset(): void {
    this.#state = AT_START;
    this.#kept = undefined;
    this.#keptBytes = 0;
    this.#skipped = 0;
    this.#firstLineSeen = false;
    this.refusal = undefined;
  }

  /**
   * Takes bytes `from` to `to` of `buffer`. Returns the place behind the head when it is whole; -1 when more is needed
   * (all was kept) or when `refusal` is set. After a whole head the reader is ready for the next.
   */
  take(buffer: Buffer, from: number, to: number): number {
    if (this.#state === AT_START && this.#takeWhole(buffer, from, to)) return this.to;
    const end = this.#scan(buffer, from, to);
    if (this.refusal !== undefined) return -1;
    if (this.#keptBytes + (end < 0 ? to : end) - from > this.#limits.maxHeadBytes) return this.#refuse(this.#tooMuch());
    if (end < 0) {
      this.#keep(buffer, from, to);
      const seen = this.#keptBytes - this.#skipped;
      return !this.#firstLineSeen && seen > this.#limits.maxTargetBytes + METHOD_BYTES
        ? this.#refuse(TOO_LONG_TARGET)
        : -1;
    }
    const skipped = this.#skipped;
    if (this.#kept === undefined) {
      this.bytes = buffer;
      this.from = from + skipped;
      this.to = end;
    } else {
      this.#keep(buffer, from, end);
      this.bytes = this.#kept;
      this.from = skipped;
      this.to = this.#keptBytes;
    }
    this.text = latin1(this.bytes, this.from, this.to);
    this.reset();
    return end;
  }

  /** Most heads are short, and come at once. */
  #takeWhole(buffer: Buffer, from: number, to: number): boolean {
    // Blank lines in front are for the long way.
    if ((buffer[from] as number) <= SP) return false;
    const text = latin1(buffer, from, Math.min(to, from + SHORT_BYTES));
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) return false;
    this.text = text;
    this.bytes = buffer;
    this.from = from;
    this.to = from + end + 4;
    return true;
  }

  #tooMuch(): Refusal {
    return this.#firstLineSeen ? TOO_LARGE_HEAD : TOO_LONG_TARGET;
  }

  #refuse(refusal: Refusal): -1 {
    this.refusal = refusal;
    return -1;
  }

  #keep(buffer: Buffer, from: number, to: number): void {
    const needed = this.#keptBytes + to - from;
    if (this.#kept === undefined || this.#kept.length < needed) {
      const larger = Buffer.allocUnsafeSlow(Math.max(1024, needed * 2));
      this.#kept?.copy(larger, 0, 0, this.#keptBytes);
      this.#kept = larger;
    }
    buffer.copy(this.#kept, this.#keptBytes, from, to);
    this.#keptBytes = needed;
  }

  #scan(buffer: Buffer, from: number, to: number): number {
    let state = this.#state;
    let i = from;
    while (i < to) {
      if (state === IN_LINE) {
        while (i < to && LINE[buffer[i] as number] === 1) i++;
        if (i === to) break;
      }
      const byte = buffer[i] as number;
      const next = step(state, byte);
      i++;
      if (next instanceof Refusal) return this.#refuse(next);
      if (next === AT_LINE_START && state === AFTER_CR) this.#firstLineSeen = true;
      if (next === AFTER_BLANK) this.#skipped = 2;
      if (next < 0) return i;
      state = next;
    }
    this.#state = state;
    return -1;
  }
}

/** The next state; -1 behind the last byte of the head. */
function step(state: number, byte: number): number | Refusal {
  switch (state) {
    case AFTER_CR:
      return byte === LF ? AT_LINE_START : BARE_CR;
    case AFTER_LAST_CR:
      return byte === LF ? -1 : BARE_CR;
    case AFTER_FIRST_CR:
      return byte === LF ? AFTER_BLANK : BARE_CR;
  }
  if (byte === CR) {
    if (state === AT_LINE_START) return AFTER_LAST_CR;
    // RFC 9112 2.2: one empty line before a request is ignored.
    if (state === AT_START) return AFTER_FIRST_CR;
    return state === AFTER_BLANK ? BLANK : AFTER_CR;
  }
  if (byte === LF) return BARE_LF;
  return LINE[byte] === 1 ? IN_LINE : CONTROL;
}
