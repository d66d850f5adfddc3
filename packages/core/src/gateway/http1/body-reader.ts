/**
 * Follows a body through the bytes that carry it and says which of them are passed on. Chunked bodies (RFC 9112 7.1) are
 * passed on as they came, checked byte by byte, without chunk extensions and with those trailers that may go on; or as data,
 * and the trailers apart.
 */
import { COLON, CR, HEX, LF, LINE, Refusal, TOKEN } from "./grammar.ts";
import { CHUNKED } from "./request-head.ts";
import { UNTIL_CLOSE } from "./response-head.ts";
import { mayBeTrailer } from "./trailers.ts";

export interface BodyLimits {
  /** Bytes of the extensions of one chunk. Beyond: `invalid`. */
  readonly maxChunkExtensionBytes: number;
  /** Bytes of all trailers. Beyond: `invalid/headers`. */
  readonly maxTrailerBytes: number;
}

const BAD_SIZE = new Refusal("invalid", "The size of a chunk is not a hexadecimal number.");
const BAD_CHUNK = new Refusal(
  "invalid",
  "A chunk is longer than it says, or a line of the body does not end with CR LF.",
);
const LONG_EXTENSION = new Refusal("invalid", "The extensions of a chunk exceed the limit.");
const BAD_EXTENSION = new Refusal("invalid", "The extensions of a chunk are not names with values.");
const BAD_TRAILER = new Refusal("invalid", "The trailers are not header lines.");
const FRAMING_TRAILER = new Refusal(
  "invalid",
  "The trailers hold a header that says how long or for whom the message is.",
);
const TOO_LARGE_BODY = new Refusal("invalid/too-large", "The body exceeds the limit of the route.");
const LONG_TRAILER = new Refusal("invalid/headers", "The trailers exceed the limit.");

/** Twelve hexadecimal digits stay below 2^53. */
const MAX_SIZE_DIGITS = 12;

const SIZE = 0;
const EXTENSION = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;
const TRAILER_START = 6;
const TRAILER_NAME = 7;
const TRAILER_VALUE = 8;
const TRAILER_LF = 9;
const END_LF = 10;

const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Places in the extensions of a chunk (RFC 9112 7.1.1): `;name=value;name="value"`. */
const AT_NAME = 0;
const IN_NAME = 1;
const AT_VALUE = 2;
const IN_VALUE = 3;
const IN_QUOTES = 4;
const AFTER_BACKSLASH = 5;
const AFTER_QUOTES = 6;
const AT_END = 7;
const IS_BAD = 8;

function afterExtension(place: number, byte: number): number {
  const isToken = TOKEN[byte] === 1;
  switch (place) {
    case AT_NAME:
      return isToken ? IN_NAME : IS_BAD;
    case AT_VALUE:
      if (byte === QUOTE) return IN_QUOTES;
      return isToken ? IN_VALUE : IS_BAD;
    case IN_QUOTES:
      if (byte === QUOTE) return AFTER_QUOTES;
      if (byte === BACKSLASH) return AFTER_BACKSLASH;
      return LINE[byte] === 1 ? IN_QUOTES : IS_BAD;
    case AFTER_BACKSLASH:
      return LINE[byte] === 1 ? IN_QUOTES : IS_BAD;
  }
  // In a name, in a value, or behind one.
  if (byte === CR) return AT_END;
  if (byte === SEMICOLON) return AT_NAME;
  if (place === IN_NAME && byte === EQUALS) return AT_VALUE;
  return isToken && place !== AFTER_QUOTES ? place : IS_BAD;
}

/** Not in trailers (RFC 9110 6.5.1). Others are dropped, but who sends these means to be read by somebody. */
const FRAMING = new Set(["content-length", "transfer-encoding", "host", "connection", "trailer"]);

/** Gets the ranges of a buffer that are passed on, in their order. */
export type TakeRange = (buffer: Buffer, from: number, to: number) => void;

export class BodyReader {
  /** The last byte of the body has been seen. Never true for a body that ends with the connection. */
  done = true;
  refusal: Refusal | undefined;
  /** Chunks stay chunks; else their data only. Changed before the first byte is taken. */
  keepsChunks = true;
  /** Of a body that was not kept in chunks: the lines that may be passed on, each with its end. */
  trailers = "";

  readonly #limits: BodyLimits;
  #isChunked = false;
  #untilClose = false;
  #left = 0;
  #dataBytes = 0;
  /** Of the data of a body in chunks. */
  #maxBytes = Number.POSITIVE_INFINITY;
  #state = SIZE;
  #digits = 0;
  #extra = 0;
  /** In an extension. */
  #place = AT_NAME;
  /** The trailer that is being read, and its name in lower case. */
  #line = "";
  #name = "";

  constructor(limits: BodyLimits) {
    this.#limits = limits;
  }

  /** `bodyBytes` as heads give it. */
  begin(bodyBytes: number): void {
    this.#isChunked = bodyBytes === CHUNKED;
    this.#untilClose = bodyBytes === UNTIL_CLOSE;
    this.keepsChunks = true;
    this.trailers = "";
    this.#maxBytes = Number.POSITIVE_INFINITY;
    this.#dataBytes = 0;
    this.#left = Math.max(bodyBytes, 0);
    this.#state = SIZE;
    this.#digits = 0;
    this.#extra = 0;
    this.refusal = undefined;
    this.done = bodyBytes === 0;
  }

  /**
   * Before the first byte is taken: whether chunks stay chunks, and how many bytes of data a body in chunks may have. Beyond:
   * `invalid/too-large`, before the chunk that is too much.
   */
  expect(keepsChunks: boolean, maxBytes: number): void {
    this.keepsChunks = keepsChunks;
    this.#maxBytes = maxBytes;
  }

  /** Returns the place behind what belongs to the body. Stops early when `refusal` is set. */
  take(buffer: Buffer, from: number, to: number, pass: TakeRange): number {
    if (this.done) return from;
    if (this.#isChunked) return this.#takeChunks(buffer, from, to, pass);
    if (this.#untilClose) {
      pass(buffer, from, to);
      return to;
    }
    const end = Math.min(to, from + this.#left);
    this.#left -= end - from;
    this.done = this.#left === 0;
    pass(buffer, from, end);
    return end;
  }

  #takeChunks(buffer: Buffer, from: number, to: number, pass: TakeRange): number {
    let i = from;
    // Where the bytes that are passed on begin; -1 while they are left out.
    let run = -1;
    while (i < to && !this.done) {
      const before = this.#state;
      let end = i + 1;
      if (before === DATA) {
        end = Math.min(to, i + this.#left);
        this.#left -= end - i;
        if (this.#left === 0) this.#state = DATA_CR;
      } else {
        this.refusal = this.#step(before, buffer[i] as number);
        if (this.refusal !== undefined) return i;
      }
      const passes = this.keepsChunks ? isFraming(before, this.#state) : before === DATA;
      if (passes && run < 0) run = i;
      if (!passes && run >= 0) {
        pass(buffer, run, i);
        run = -1;
      }
      if (before === TRAILER_LF && this.keepsChunks && this.trailers !== "") {
        pass(Buffer.from(this.trailers, "latin1"), 0, this.trailers.length);
        this.trailers = "";
      }
      i = end;
    }
    if (run >= 0) pass(buffer, run, i);
    return i;
  }

  #step(state: number, byte: number): Refusal | undefined {
    switch (state) {
      case SIZE:
        return this.#size(byte);
      case EXTENSION:
        if (++this.#extra > this.#limits.maxChunkExtensionBytes) return LONG_EXTENSION;
        this.#place = afterExtension(this.#place, byte);
        if (this.#place === IS_BAD) return BAD_EXTENSION;
        if (this.#place === AT_END) this.#state = SIZE_LF;
        return undefined;
      case SIZE_LF:
        this.#dataBytes += this.#left;
        if (this.#dataBytes > this.#maxBytes) return TOO_LARGE_BODY;
        this.#state = this.#left === 0 ? TRAILER_START : DATA;
        this.#digits = 0;
        this.#extra = 0;
        return byte === LF ? undefined : BAD_CHUNK;
      case DATA_CR:
        this.#state = DATA_LF;
        return byte === CR ? undefined : BAD_CHUNK;
      case DATA_LF:
        this.#state = SIZE;
        return byte === LF ? undefined : BAD_CHUNK;
      case END_LF:
        this.done = true;
        return byte === LF ? undefined : BAD_CHUNK;
      default:
        return this.#trailer(state, byte);
    }
  }

  #size(byte: number): Refusal | undefined {
    const digit = HEX[byte] as number;
    if (digit < 16) {
      this.#left = this.#left * 16 + digit;
      return ++this.#digits > MAX_SIZE_DIGITS ? BAD_SIZE : undefined;
    }
    if (this.#digits === 0) return BAD_SIZE;
    if (byte === CR) this.#state = SIZE_LF;
    else if (byte === SEMICOLON) {
      this.#state = EXTENSION;
      this.#place = AT_NAME;
    } else return BAD_SIZE;
    return undefined;
  }

  #trailer(state: number, byte: number): Refusal | undefined {
    if (++this.#extra > this.#limits.maxTrailerBytes) return LONG_TRAILER;
    this.#line += String.fromCharCode(byte);
    switch (state) {
      case TRAILER_START:
        this.#state = byte === CR ? END_LF : TRAILER_NAME;
        this.#line = String.fromCharCode(byte);
        return byte === CR || TOKEN[byte] === 1 ? undefined : BAD_TRAILER;
      case TRAILER_NAME:
        if (byte === COLON) {
          this.#state = TRAILER_VALUE;
          this.#name = this.#line.slice(0, -1).toLowerCase();
          return FRAMING.has(this.#name) ? FRAMING_TRAILER : undefined;
        }
        return TOKEN[byte] === 1 ? undefined : BAD_TRAILER;
      case TRAILER_VALUE:
        if (byte === CR) this.#state = TRAILER_LF;
        return byte === CR || LINE[byte] === 1 ? undefined : BAD_TRAILER;
      default:
        this.#state = TRAILER_START;
        if (mayBeTrailer(this.#name)) this.trailers += this.#line;
        return byte === LF ? undefined : BAD_TRAILER;
    }
  }
}

/** Whether the byte that led from one state to the other belongs to what is passed on. */
function isFraming(before: number, after: number): boolean {
  if (before === TRAILER_LF) return false;
  return after !== EXTENSION && after !== TRAILER_NAME && after !== TRAILER_VALUE && after !== TRAILER_LF;
}
