/** The lines of a head, one after another (RFC 9112 5). The head reader has seen to it that each ends with CR LF. */
import { COLON, CR, HTAB, Refusal, SP, TOKEN } from "./grammar.ts";

const FOLDED = new Refusal("invalid", "A header continues on the next line.");
const NO_NAME = new Refusal("invalid", "A header has no valid name.");
const SPACE_BEFORE_COLON = new Refusal("invalid", "A space stands before the colon of a header.");

/** A place in a head. One is reused for all heads: read what is needed before the next head is begun. */
export class FieldLines {
  /** Places relative to the start of the head. */
  lineFrom = 0;
  nameTo = 0;
  valueFrom = 0;
  valueTo = 0;
  /** Behind the line. */
  next = 0;
  /** The name holds an underscore: programs behind a CGI-like interface take it for a hyphen. */
  hasUnderscore = false;
  refusal: Refusal | undefined;

  #bytes: Buffer = Buffer.alloc(0);
  #base = 0;

  /** `next` is where the first header line begins, relative to `base`, where the head begins in `bytes`. */
  begin(bytes: Buffer, base: number, next: number): void {
    this.#bytes = bytes;
    this.#base = base;
    this.next = next;
    this.refusal = undefined;
  }

  /** Steps to the next header line; false at the end of the head, or when `refusal` is set. */
  step(): boolean {
    const bytes = this.#bytes;
    const base = this.#base;
    let i = base + this.next;
    if (bytes[i] === CR) return false;
    this.lineFrom = this.next;
    let hasUnderscore = false;
    while (TOKEN[bytes[i] as number] === 1) {
      if (bytes[i] === 0x5f) hasUnderscore = true;
      i++;
    }
    this.nameTo = i - base;
    if (bytes[i] !== COLON || this.nameTo === this.lineFrom) return this.#refuse(bytes[i] as number);
    this.hasUnderscore = hasUnderscore;
    i++;
    while (bytes[i] === SP || bytes[i] === HTAB) i++;
    this.valueFrom = i - base;
    while (bytes[i] !== CR) i++;
    this.next = i - base + 2;
    while (i - base > this.valueFrom && (bytes[i - 1] === SP || bytes[i - 1] === HTAB)) i--;
    this.valueTo = i - base;
    return true;
  }

  #refuse(byte: number): false {
    const blank = byte === SP || byte === HTAB;
    if (!blank) this.refusal = NO_NAME;
    else this.refusal = this.nameTo === this.lineFrom ? FOLDED : SPACE_BEFORE_COLON;
    return false;
  }
}

/** Keeps the lines of a head that are passed on: as few slices as there are gaps. */
export class KeptLines {
  #text = "";
  #runFrom = 0;
  #kept = "";

  begin(text: string, from: number): void {
    this.#text = text;
    this.#runFrom = from;
    this.#kept = "";
  }

  /** The line from `from` to `to` is not passed on. */
  drop(from: number, to: number): void {
    if (from > this.#runFrom) this.#kept += this.#text.slice(this.#runFrom, from);
    this.#runFrom = to;
  }

  end(to: number): string {
    this.drop(to, to);
    const kept = this.#kept;
    this.#text = "";
    return kept;
  }
}

/** `lines` without those whose names, in lower case, are in `names`. */
export function withoutNames(lines: string, names: ReadonlySet<string>): string {
  return lines
    .split("\r\n")
    .filter((line) => line !== "" && !names.has(line.slice(0, line.indexOf(":")).toLowerCase()))
    .map((line) => `${line}\r\n`)
    .join("");
}
