/** Addresses and networks as numbers, so that hundreds of thousands can be looked through. */

/** Of IPv6 the four words, the highest first; of IPv4 the first alone. */
export interface Network {
  readonly isV4: boolean;
  readonly words: readonly [number, number, number, number];
  /** Length of the prefix; what is behind it is 0. */
  readonly bits: number;
}

/** The address that was read last; reused for all. */
export const address = { isV4: false, words: new Uint32Array(4) };
/** The same of networks: these may be read while an address is looked for. */
const ofNetwork = { isV4: false, words: new Uint32Array(4) };

const DOT = 0x2e;
const COLON = 0x3a;
const groups = new Uint16Array(8);

/**
 * Reads an address into `address`; false: it is none. IPv4 in IPv6 (`::ffff:192.0.2.1`, `::ffff:c000:201`) is read as IPv4:
 * it is the same client. A zone (`%eth0`) is left out.
 */
export function readAddress(text: string, into = address): boolean {
  const zone = text.indexOf("%");
  const end = zone < 0 ? text.length : zone;
  const { words } = into;
  const v4 = readV4(text, 0, end);
  into.isV4 = v4 >= 0;
  if (v4 >= 0) {
    words[0] = v4;
    return true;
  }
  if (!readV6(text, end, words)) return false;
  if (words[0] === 0 && words[1] === 0 && words[2] === 0xffff) {
    into.isV4 = true;
    words[0] = words[3] as number;
  }
  return true;
}

/** -1: it is none. */
function readV4(text: string, from: number, end: number): number {
  let value = 0;
  let parts = 0;
  for (let at = from; at <= end; at++) {
    const start = at;
    let part = 0;
    while (at < end) {
      const digit = text.charCodeAt(at) - 0x30;
      if (digit < 0 || digit > 9) break;
      part = part * 10 + digit;
      at++;
      if (at - start > 3) return -1;
    }
    const isPadded = at - start > 1 && text.charCodeAt(start) === 0x30;
    if (at === start || part > 255 || isPadded || ++parts > 4) return -1;
    value = value * 256 + part;
    if (at < end && text.charCodeAt(at) !== DOT) return -1;
  }
  return parts === 4 ? value : -1;
}

function readV6(text: string, end: number, words: Uint32Array): boolean {
  let count = 0;
  let gap = -1;
  let at = 0;
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return false;
    gap = 0;
    at = 2;
  }
  while (at < end) {
    const start = at;
    let value = 0;
    let digit = hexOf(text.charCodeAt(at));
    while (at < end && digit >= 0 && at - start < 5) {
      value = value * 16 + digit;
      digit = hexOf(text.charCodeAt(++at));
    }
    if (at < end && text.charCodeAt(at) === DOT) {
      const v4 = readV4(text, start, end);
      if (v4 < 0 || count > 6) return false;
      groups[count++] = v4 >>> 16;
      groups[count++] = v4 & 0xffff;
      break;
    }
    if (at === start || at - start > 4 || count === 8) return false;
    groups[count++] = value;
    if (at === end) break;
    if (text.charCodeAt(at++) !== COLON || at === end) return false;
    if (text.charCodeAt(at) !== COLON) continue;
    if (gap >= 0) return false;
    gap = count;
    at++;
  }
  if (gap < 0 ? count !== 8 : count > 7) return false;
  spread(count, gap, words);
  return true;
}

/** Puts zeros where the gap is. */
function spread(count: number, gap: number, words: Uint32Array): void {
  const behind = gap < 0 ? 0 : count - gap;
  for (let word = 0; word < 4; word++) {
    words[word] = groupAt(2 * word, count, behind) * 65_536 + groupAt(2 * word + 1, count, behind);
  }
}

function groupAt(at: number, count: number, behind: number): number {
  if (at < count - behind) return groups[at] as number;
  return at >= 8 - behind ? (groups[at - 8 + count] as number) : 0;
}

/** -1: it is no digit. */
function hexOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** `10.0.0.0/8`, `2001:db8::/32`, or an address alone. What is set behind the prefix is left out. Undefined: it is none. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf("/");
  const ip = slash < 0 ? text : text.slice(0, slash);
  const given = slash < 0 ? undefined : text.slice(slash + 1);
  if (ip.includes("%") || !readAddress(ip, ofNetwork) || (given !== undefined && !/^(0|[1-9]\d{0,2})$/.test(given))) {
    return undefined;
  }
  const { isV4, words } = ofNetwork;
  const isMapped = isV4 && ip.includes(":");
  const width = isV4 && !isMapped ? 32 : 128;
  const bits = (given === undefined ? width : Number(given)) - (isMapped ? 96 : 0);
  // A prefix that holds more than all of IPv4 in IPv6 is neither the one nor the other.
  if (bits < 0 || bits > (isV4 ? 32 : 128)) return undefined;
  const cut = (word: number): number => masked(words[word] as number, bits - 32 * word);
  return { isV4, bits, words: isV4 ? [cut(0), 0, 0, 0] : [cut(0), cut(1), cut(2), cut(3)] };
}

/** The first `bits` of a word. */
export function masked(word: number, bits: number): number {
  if (bits >= 32) return word;
  return bits <= 0 ? 0 : (word & (-1 << (32 - bits))) >>> 0;
}

/** In one spelling (RFC 5952): `10.0.0.0/8`; an address alone without its prefix. */
export function formatNetwork({ isV4, words, bits }: Network): string {
  if (isV4) {
    const [word] = words;
    const text = [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255].join(".");
    return bits === 32 ? text : `${text}/${bits}`;
  }
  const parts = words.flatMap((word) => [word >>> 16, word & 0xffff]);
  const text = compressed(parts);
  return bits === 128 ? text : `${text}/${bits}`;
}

/** The longest run of zeros, of two at least, is left out; the first of several. */
function compressed(parts: readonly number[]): string {
  let best = { from: -1, length: 1 };
  for (let from = 0; from < parts.length; from++) {
    let to = from;
    while (parts[to] === 0) to++;
    if (to - from > best.length) best = { from, length: to - from };
  }
  const hex = (some: readonly number[]): string => some.map((part) => part.toString(16)).join(":");
  if (best.from < 0) return hex(parts);
  return `${hex(parts.slice(0, best.from))}::${hex(parts.slice(best.from + best.length))}`;
}
