/**
 * The lines of a head, one after another (RFC 9112 5). Each ends with CR LF, and two stand at the end of what is read, which
 * may lie behind the head's own end.
 */
import { BARE_CR, BARE_LF, COLON, CONTROL, CR, HTAB, LF, LINE, Refusal, SP, TOKEN } from "./grammar.ts";

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
  /** Behind the line; at the end, behind the head. */
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
    if (bytes[i] === CR) {
      if (bytes[i + 1] !== LF) this.refusal = BARE_CR;
      this.next += 2;
      return false;
    }
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
    while (LINE[bytes[i] as number] === 1) i++;
    if (bytes[i] !== CR || bytes[i + 1] !== LF) return this.#refuseEnd(bytes[i] as number);
    this.next = i - base + 2;
    while (i - base > this.valueFrom && (bytes[i - 1] === SP || bytes[i - 1] === HTAB)) i--;
    this.valueTo = i - base;
    return true;
  }

  #refuseEnd(byte: number): false {
    this.refusal = byte === CR ? BARE_CR : byte === LF ? BARE_LF : CONTROL;
    return false;
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
