/** What names and values of fields are made of (RFC 9113 8.2): as in HTTP/1, in lower case, and without blanks at the ends. */
import { HTAB, LINE, SP, TOKEN } from "../http1/grammar.ts";
import { mayBeTrailer } from "../http1/trailers.ts";
import type { Field } from "./field.ts";
import type { FieldBlock } from "./hpack-decoder.ts";
import { Fault, PROTOCOL_ERROR } from "./protocol.ts";

export const PASS = 0;
export const MALFORMED = -2;

const COLON = 0x3a;
/** They say how HTTP/1 frames a message, or how long a connection lasts. */
const OF_CONNECTIONS = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]);

export const BAD_FIELD = new Fault(PROTOCOL_ERROR, "A header has a name or a value that none has in HTTP/2.");
export const BAD_PSEUDO = new Fault(
  PROTOCOL_ERROR,
  "A pseudo header is unknown, doubled, missing, or behind another header.",
);

export function isPseudo(name: string): boolean {
  return name.charCodeAt(0) === COLON;
}

/** `meanings`: of those that are not just passed on. */
export function meaningOf({ name, value }: Field, meanings: ReadonlyMap<string, number>): number {
  if (!isName(name) || !isValue(value) || OF_CONNECTIONS.has(name)) return MALFORMED;
  return meanings.get(name) ?? PASS;
}

function isName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (TOKEN[code] !== 1 || (code >= 0x41 && code <= 0x5a)) return false;
  }
  return name.length > 0;
}

function isValue(value: string): boolean {
  const { length } = value;
  for (let i = 0; i < length; i++) if (LINE[value.charCodeAt(i)] !== 1) return false;
  return length === 0 || (!isBlank(value.charCodeAt(0)) && !isBlank(value.charCodeAt(length - 1)));
}

function isBlank(code: number): boolean {
  return code === SP || code === HTAB;
}

const NONE: ReadonlyMap<string, number> = new Map();

/** The lines of trailers that may be passed on. */
export function trailerLines(block: FieldBlock): string | Fault {
  let lines = "";
  for (const field of block.fields) {
    if (meaningOf(field, NONE) === MALFORMED) return BAD_FIELD;
    if (mayBeTrailer(field.name)) lines += field.line;
  }
  return lines;
}
