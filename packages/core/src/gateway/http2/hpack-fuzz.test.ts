/**
 * Header blocks changed at random, with a seed, one after another through one decoder, beside one that is as plain as RFC 7541
 * reads: the same fields, faults and table, and nothing is read past a block's end.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { changedBytes, embedded, FUZZ_SEED, fuzzCases } from "../../testing/fuzz.ts";
import { createSimRandom, type SimRandom } from "../../testing/sim-random.ts";
import { STATIC_TABLE } from "./field.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import { encodeField, encodeInteger, encodePlainString, encodeStatus } from "./hpack-encoder.ts";
import { huffmanEncode } from "./huffman.ts";
import { Fault } from "./protocol.ts";

const CASES = fuzzCases(20_000);
const LIMITS = { maxListBytes: 4000, maxFields: 40, maxBlockBytes: 65_536 };
const TABLE_BYTES = 4096;

/** Eight times a byte is as many bytes as its code has bits. */
const SYMBOLS = new Map(
  Array.from({ length: 256 }, (_, byte) => {
    const text = Buffer.from(huffmanEncode(String.fromCharCode(byte).repeat(8)), "latin1");
    const bits = [...text].map((one) => one.toString(2).padStart(8, "0")).join("");
    return [bits.slice(0, text.length), String.fromCharCode(byte)] as const;
  }),
);

function plainHuffman(bytes: Buffer): string {
  let out = "";
  let code = "";
  for (const bit of [...bytes].map((one) => one.toString(2).padStart(8, "0")).join("")) {
    code += bit;
    const symbol = SYMBOLS.get(code);
    if (symbol !== undefined) {
      out += symbol;
      code = "";
    }
  }
  if (code.length > 7 || code.includes("0")) throw new Error("padding");
  return out;
}

/** Throws for what is a fault. */
class PlainDecoder {
  #table: (readonly [string, string])[] = [];
  #maxBytes = TABLE_BYTES;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  decode(bytes: Buffer): (readonly [string, string])[] {
    this.#bytes = bytes;
    this.#at = 0;
    const fields: (readonly [string, string])[] = [];
    for (let isStart = true; this.#at < bytes.length; ) {
      const first = bytes[this.#at] as number;
      if (first >= 0x80) fields.push(this.#entry(this.#number(7)));
      else if ((first & 0xe0) === 0x20) {
        this.#maxBytes = this.#number(5);
        if (!isStart || this.#maxBytes > TABLE_BYTES) throw new Error("size");
        this.#shrink();
        continue;
      } else {
        const isAdded = first >= 0x40;
        const index = this.#number(isAdded ? 6 : 4);
        const name = index === 0 ? this.#string() : this.#entry(index)[0];
        const field = [name, this.#string()] as const;
        if (isAdded) this.#table.unshift(field);
        this.#shrink();
        fields.push(field);
      }
      isStart = false;
    }
    return fields;
  }

  #shrink(): void {
    let bytes = 0;
    const kept = this.#table.findIndex(([name, value]) => {
      bytes += name.length + value.length + 32;
      return bytes > this.#maxBytes;
    });
    if (kept >= 0) this.#table = this.#table.slice(0, kept);
  }

  #entry(index: number): readonly [string, string] {
    const known = STATIC_TABLE[index];
    const found = known === undefined ? this.#table[index - STATIC_TABLE.length] : ([known.name, known.value] as const);
    if (found === undefined || index === 0) throw new Error("index");
    return found;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new Error("cut");
    return byte;
  }

  #number(bits: number): number {
    const most = 2 ** bits - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    for (let power = 0; power < 4; power++) {
      const byte = this.#byte();
      value += (byte & 127) * 128 ** power;
      if (byte < 128) return value;
    }
    throw new Error("number");
  }

  #string(): string {
    const isHuffman = (this.#bytes[this.#at] ?? 0) >= 128;
    const length = this.#number(7);
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    if (bytes.length < length) throw new Error("cut");
    return isHuffman ? plainHuffman(bytes) : bytes.toString("latin1");
  }
}

const NAMES = ["cookie", ":path", "x-a", "x-long-name", "accept"];

/** Fields in any of the forms. */
function block(random: SimRandom): string {
  let out = random.chance(0.05) ? encodeInteger(random.pick([0, 100, 4096]), 31, 0x20) : "";
  for (let count = 1 + random.below(6); count > 0; count--) {
    const value = random.chance(0.02)
      ? "v".repeat(random.below(5000))
      : "abc123-/ ".slice(random.below(9)).repeat(random.below(4));
    const text = random.chance(0.5) ? encodePlainString(value) : huffman(value);
    const index = 1 + random.below(80);
    const form = random.pick([0x00, 0x10, 0x40]);
    if (random.chance(0.4)) out += encodeInteger(index, 127, 0x80);
    else if (random.chance(0.5)) out += encodeInteger(index, form === 0x40 ? 63 : 15, form) + text;
    else out += String.fromCharCode(form) + encodePlainString(random.pick(NAMES)) + text;
  }
  return out;
}

function huffman(value: string): string {
  const coded = huffmanEncode(value);
  return encodeInteger(coded.length, 127, 0x80) + coded;
}

test(`${CASES} header blocks, seed ${FUZZ_SEED}`, (t) => {
  const random = createSimRandom(FUZZ_SEED);
  const fixed = [encodeStatus(200) + encodeField("content-length", "5"), "\x82\x86\x84", "\x3f\xe1\x1f\x82"];
  const corpus = [...fixed, ...Array.from({ length: 200 }, () => block(random))].map((text) =>
    Buffer.from(text, "latin1"),
  );
  let ours = new HpackDecoder(LIMITS);
  let theirs = new PlainDecoder();
  const counts = { taken: 0, tooLarge: 0, faults: 0 };
  for (let n = 0; n < CASES; n++) {
    const fresh = random.chance(0.5) ? Buffer.from(block(random), "latin1") : random.pick(corpus);
    const bytes = embedded(random.chance(0.4) ? changedBytes(fresh, corpus, random) : fresh, random);
    let expected: (readonly [string, string])[] | undefined;
    try {
      expected = theirs.decode(bytes);
    } catch {
      expected = undefined;
    }
    const around = Buffer.from(bytes.buffer, bytes.byteOffset - 16, bytes.length + 32);
    const got = ours.decode(around, 16, 16 + bytes.length);
    const what = `case ${n}: ${bytes.toString("hex")}`;
    if (got instanceof Fault) {
      equal(expected, undefined, `${what}: ${got.message}`);
      counts.faults++;
      // The connection ends with it.
      ours = new HpackDecoder(LIMITS);
      theirs = new PlainDecoder();
      continue;
    }
    ok(expected !== undefined, what);
    const sizes = expected.map(([name, value]) => name.length + value.length + 32);
    const isTooLarge = sizes.length > LIMITS.maxFields || sizes.reduce((a, b) => a + b, 0) > LIMITS.maxListBytes;
    equal(got.isTooLarge, isTooLarge, what);
    counts[isTooLarge ? "tooLarge" : "taken"]++;
    const fields = got.fields.map(({ name, value }) => [name, value]);
    if (isTooLarge) ok(fields.length <= LIMITS.maxFields, what);
    else deepEqual(fields, expected, what);
  }
  t.diagnostic(`fuzz ${CASES} cases: ${JSON.stringify(counts)}`);
  for (const count of Object.values(counts)) ok(count > CASES / 2000, JSON.stringify(counts));
});
