/**
 * Fields to header blocks, as latin1 text: from the static table, or literally. Nothing goes into the peer's table, so that
 * what was encoded once is good for every connection, in any order. Lines that come again and again are remembered.
 */
import { STATIC_NAMES, STATIC_TABLE } from "./field.ts";
import { huffmanEncode, huffmanLength } from "./huffman.ts";

/** Not even in a table of a proxy behind us (RFC 7541 7.1.3), nor in ours. */
const SECRET = new Set(["authorization", "proxy-authorization", "cookie", "set-cookie"]);
const LITERAL = 0x00;
const NEVER_INDEXED = 0x10;
/** Texts that are remembered, and how long one may be. When they are full they are forgotten. */
const MAX_REMEMBERED = 512;
const MAX_REMEMBERED_LENGTH = 2048;

/** A number behind `prefix`, the largest that fits the first byte, whose other bits are `bits` (RFC 7541 5.1). */
export function encodeInteger(value: number, prefix: number, bits: number): string {
  if (value < prefix) return String.fromCharCode(bits | value);
  let text = String.fromCharCode(bits | prefix);
  let rest = value - prefix;
  for (; rest >= 0x80; rest >>>= 7) text += String.fromCharCode((rest & 0x7f) | 0x80);
  return text + String.fromCharCode(rest);
}

/** Shorter of the two ways. */
function encodeString(text: string): string {
  const coded = huffmanLength(text);
  if (coded >= text.length) return encodeInteger(text.length, 127, 0) + text;
  return encodeInteger(coded, 127, 0x80) + huffmanEncode(text);
}

/** As it is: for what is used once. */
export function encodePlainString(text: string): string {
  return encodeInteger(text.length, 127, 0) + text;
}

/** What stands before the value of a field with this name, in lower case. */
export function encodeName(name: string): string {
  const kind = SECRET.has(name) ? NEVER_INDEXED : LITERAL;
  const index = STATIC_NAMES.get(name);
  return index === undefined ? String.fromCharCode(kind) + encodeString(name) : encodeInteger(index, 15, kind);
}

const INDEXED: ReadonlyMap<string, number> = new Map(
  STATIC_TABLE.map(({ name, value }, index) => [`${name}\0${value}`, index] as const).slice(1),
);

/** `name` in lower case. */
export function encodeField(name: string, value: string): string {
  const index = INDEXED.get(`${name}\0${value}`);
  if (index !== undefined) return encodeInteger(index, 127, 0x80);
  return encodeName(name) + (SECRET.has(name) ? encodePlainString(value) : encodeString(value));
}

const remembered = new Map<string, string>();

/** Header lines of HTTP/1, each with its end; names in any case. */
export function encodeLines(lines: string): string {
  if (lines === "") return "";
  const known = remembered.get(lines);
  if (known !== undefined) return known;
  const text = encodeUnique(lines);
  if (!holdsSecret && lines.length <= MAX_REMEMBERED_LENGTH) {
    if (remembered.size === MAX_REMEMBERED) remembered.clear();
    remembered.set(lines, text);
  }
  return text;
}

/** Of the lines that were encoded last. */
let holdsSecret = false;

/** Likewise, when they do not come again. */
export function encodeUnique(lines: string): string {
  let text = "";
  holdsSecret = false;
  for (let from = 0; from < lines.length; ) {
    const to = lines.indexOf("\r\n", from);
    const colon = lines.indexOf(":", from);
    const name = lines.slice(from, colon).toLowerCase();
    const value = trimmed(lines, colon + 1, to);
    holdsSecret ||= SECRET.has(name);
    text += encodeField(name, value);
    from = to + 2;
  }
  return text;
}

/** Without blanks beside it; other white space belongs to a value. */
function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

const statuses = new Map<number, string>();

export function encodeStatus(status: number): string {
  let text = statuses.get(status);
  if (text === undefined) {
    text = encodeField(":status", String(status));
    // 100 to 599: no more than that come.
    statuses.set(status, text);
  }
  return text;
}
