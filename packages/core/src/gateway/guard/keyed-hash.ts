/**
 * HalfSipHash-2-4 with 64 bits (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; the variant of 32-bit words):
 * who does not know the key finds no two texts of the same hash, nor one that falls where another has.
 */
export interface HashKey {
  readonly k0: number;
  readonly k1: number;
}

/** The hash that was made last; reused for all. */
export const hash = { high: 0, low: 0 };

let v0 = 0;
let v1 = 0;
let v2 = 0;
let v3 = 0;

function round(): void {
  v0 = (v0 + v1) | 0;
  v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
  v0 = (v0 << 16) | (v0 >>> 16);
  v2 = (v2 + v3) | 0;
  v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
  v0 = (v0 + v3) | 0;
  v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
  v2 = (v2 + v1) | 0;
  v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
  v2 = (v2 << 16) | (v2 >>> 16);
}

function begin({ k0, k1 }: HashKey): void {
  v0 = k0;
  v1 = k1 ^ 0xee;
  v2 = 0x6c796765 ^ k0;
  v3 = 0x74656462 ^ k1;
}

function take(word: number): void {
  v3 ^= word;
  round();
  round();
  v0 ^= word;
}

function end(): void {
  v2 ^= 0xee;
  for (let i = 0; i < 4; i++) round();
  hash.low = (v1 ^ v3) >>> 0;
  v1 ^= 0xdd;
  for (let i = 0; i < 4; i++) round();
  hash.high = (v1 ^ v3) >>> 0;
}

/** Of the low bytes of the characters: all there is of latin1. */
export function hashText(key: HashKey, text: string): void {
  begin(key);
  const { length } = text;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    take(byte(text, at) | (byte(text, at + 1) << 8) | (byte(text, at + 2) << 16) | (byte(text, at + 3) << 24));
  }
  let last = length << 24;
  for (let shift = 0; at < length; at++, shift += 8) last |= byte(text, at) << shift;
  take(last);
  end();
}

function byte(text: string, at: number): number {
  return text.charCodeAt(at) & 255;
}

/** Of three words. */
export function hashWords(key: HashKey, first: number, second: number, third: number): void {
  begin(key);
  take(first);
  take(second);
  take(third);
  take(12 << 24);
  end();
}

/** A key for what a text stands for, under another key. */
export function keyFor(key: HashKey, text: string): HashKey {
  hashText(key, text);
  return { k0: hash.low | 0, k1: hash.high | 0 };
}

/** Of the first 8 bytes. */
export function keyOf(bytes: Buffer): HashKey {
  return { k0: bytes.readInt32LE(0), k1: bytes.readInt32LE(4) };
}
