import { Refusal } from "./grammar.ts";

/** Fifteen digits stay below 2^53. */
const MAX_DIGITS = 15;

export const BAD_LENGTH = new Refusal("invalid", "Content-Length is not a number of bytes.");

/** The value of Content-Length in bytes: digits only, neither sign nor list. -1 when it is something else. */
export function contentLength(text: string): number {
  if (text.length === 0 || text.length > MAX_DIGITS) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
