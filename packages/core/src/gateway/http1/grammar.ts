/** The alphabet of HTTP/1.1 (RFC 9110 5.5 and 5.6.2, RFC 9112), as tables of bytes, and what a refusal is. */
import type { ErrorId } from "../../domain/errors.ts";

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const COLON = 0x3a;

function tableOf(test: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (test(byte) ? 1 : 0));
}

const TOKEN_CHARACTERS = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/;

/** 1 for what a method or a field name is made of. */
export const TOKEN = tableOf((byte) => byte < 0x80 && TOKEN_CHARACTERS.test(String.fromCharCode(byte)));

/** 1 for what a method is made of. None has small letters: a server that does not mind takes `head` for HEAD. */
export const METHOD = tableOf((byte) => TOKEN[byte] === 1 && !(byte >= 0x61 && byte <= 0x7a));

/** 1 for what a request target is made of: visible ASCII without the fragment, which is never sent. */
export const TARGET = tableOf((byte) => byte > SP && byte < 0x7f && byte !== 0x23);

/** 1 for what stands in a line of a head: everything except control characters; HTAB is allowed. */
export const LINE = tableOf((byte) => (byte >= SP && byte !== 0x7f) || byte === HTAB);

/** Hexadecimal digits to their values; 255 for every other byte. */
export const HEX = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = byte < 0x80 ? Number.parseInt(String.fromCharCode(byte), 16) : Number.NaN;
  return Number.isNaN(digit) ? 255 : digit;
});

/** Why bytes were not taken. `id` decides the status, `message` is public and names nothing of what was sent. */
export class Refusal {
  readonly id: ErrorId;
  readonly message: string;

  constructor(id: ErrorId, message: string) {
    this.id = id;
    this.message = message;
  }
}

export const BARE_LF = new Refusal("invalid", "A line ends without a carriage return.");
export const BARE_CR = new Refusal("invalid", "A carriage return stands alone.");
export const CONTROL = new Refusal("invalid", "The head holds a control character.");

/** Bytes `from` to `to` as text. Not `toString`: that looks up the encoding each time, and this is asked twice a request. */
export function latin1(bytes: Buffer, from: number, to: number): string {
  return (bytes as Buffer & { latin1Slice(from: number, to: number): string }).latin1Slice(from, to);
}

/** Compares a part of `text` with a name in lower case, whatever its case. ASCII only. */
export function isName(text: string, from: number, to: number, name: string): boolean {
  if (to - from !== name.length) return false;
  for (let i = 0; i < name.length; i++) {
    let code = text.charCodeAt(from + i);
    if (code >= 0x41 && code <= 0x5a) code |= 0x20;
    if (code !== name.charCodeAt(i)) return false;
  }
  return true;
}
