/** The Huffman code of HPACK (RFC 7541 5.2, appendix B). It is canonical: the lengths of the codes say all. */

/** Bits of the code of each byte, and of the end of string, which is in no string. */
const LENGTHS: readonly number[] = [
  ...[13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28],
  ...[28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15],
  ...[6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  ...[15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20],
  ...[20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23],
  ...[24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22],
  ...[22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27],
  ...[24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26],
  ...[26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30],
];
const END = 256;

function canonicalCodes(): Uint32Array {
  const codes = new Uint32Array(LENGTHS.length);
  const order = LENGTHS.map((_, symbol) => symbol).sort(
    (a, b) => (LENGTHS[a] as number) - (LENGTHS[b] as number) || a - b,
  );
  let code = 0;
  let length = 0;
  for (const symbol of order) {
    const bits = LENGTHS[symbol] as number;
    code <<= bits - length;
    length = bits;
    codes[symbol] = code++;
  }
  return codes;
}

const CODES = canonicalCodes();

/** For each state and half byte: the next state, whether a byte comes out, and which. */
const EMITS = 0x100;
const FAILS = 0x200;
const SYMBOL_SHIFT = 16;
const { steps: STEPS, mayEnd: MAY_END } = decodingTable();

function decodingTable(): { steps: Uint32Array; mayEnd: Uint8Array } {
  /** Two for each node: below 0 a leaf, the symbol is its complement. */
  const children: number[] = [0, 0];
  for (let symbol = 0; symbol <= END; symbol++) {
    let node = 0;
    for (let bit = (LENGTHS[symbol] as number) - 1; bit >= 0; bit--) {
      const at = 2 * node + (((CODES[symbol] as number) >>> bit) & 1);
      if (bit === 0) children[at] = ~symbol;
      else {
        if (children[at] === 0) children[at] = children.push(0, 0) / 2 - 1;
        node = children[at] as number;
      }
    }
  }
  const count = children.length / 2;
  const steps = new Uint32Array(count * 16);
  for (let state = 0; state < count; state++) {
    for (let half = 0; half < 16; half++) {
      let node = state;
      let out = 0;
      for (let bit = 3; bit >= 0; bit--) {
        const next = children[2 * node + ((half >>> bit) & 1)] as number;
        node = Math.max(next, 0);
        if (~next === END) out |= FAILS;
        else if (next < 0) out |= EMITS | (~next << SYMBOL_SHIFT);
      }
      steps[state * 16 + half] = out | node;
    }
  }
  // What is left at the end: fewer than eight bits of the end of string, all ones.
  const mayEnd = new Uint8Array(count);
  for (let node = 0, bits = 0; bits < 8; bits++) {
    mayEnd[node] = 1;
    node = children[2 * node + 1] as number;
  }
  return { steps, mayEnd };
}

/** Decodes bytes `from` to `to` into `out`, which has room for eight fifths of them. Gives how many came out; -1: no valid code. */
export function huffmanDecode(bytes: Uint8Array, from: number, to: number, out: Uint8Array): number {
  let state = 0;
  let length = 0;
  for (let i = from; i < to; i++) {
    const byte = bytes[i] as number;
    const high = STEPS[state * 16 + (byte >>> 4)] as number;
    if ((high & EMITS) !== 0) out[length++] = high >>> SYMBOL_SHIFT;
    const low = STEPS[(high & 0xff) * 16 + (byte & 15)] as number;
    if ((low & EMITS) !== 0) out[length++] = low >>> SYMBOL_SHIFT;
    if (((high | low) & FAILS) !== 0) return -1;
    state = low & 0xff;
  }
  return MAY_END[state] === 1 ? length : -1;
}

/** Bytes of `text` (latin1) in this code. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += LENGTHS[text.charCodeAt(i)] as number;
  return (bits + 7) >>> 3;
}

/** `text` (latin1) in this code, as latin1. */
export function huffmanEncode(text: string): string {
  let out = "";
  let bits = 0;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    const length = LENGTHS[symbol] as number;
    // At most 7 bits are left of before, and a code has at most 28.
    for (let left = length; left > 0; ) {
      const take = Math.min(left, 8 - count);
      bits = (bits << take) | (((CODES[symbol] as number) >>> (left - take)) & ((1 << take) - 1));
      left -= take;
      count += take;
      if (count === 8) {
        out += String.fromCharCode(bits);
        bits = 0;
        count = 0;
      }
    }
  }
  return count === 0 ? out : out + String.fromCharCode((bits << (8 - count)) | (0xff >>> count));
}
