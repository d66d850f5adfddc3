import { equal, notEqual } from "node:assert/strict";
import { test } from "node:test";
import { hash, hashText, hashWords, keyFor, keyOf } from "./keyed-hash.ts";

const KEY = keyOf(Buffer.from([0, 1, 2, 3, 4, 5, 6, 7]));

function hex(): string {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(hash.low, 0);
  bytes.writeUInt32LE(hash.high, 4);
  return bytes.toString("hex");
}

test("the vectors of its authors", () => {
  for (const [length, wanted] of [
    [0, "218d1f59b9b83cc8"],
    [1, "be552412f8387315"],
    [4, "d5e78a175be52ea1"],
    [5, "cb9d7c3f2f3db580"],
    [7, "ff202728b07bc684"],
    [8, "edfee820bce4858c"],
    [15, "217d0bcb4e81c902"],
  ] as const) {
    hashText(KEY, String.fromCharCode(...Array.from({ length }, (_, i) => i)));
    equal(hex(), wanted, `${length} bytes`);
  }
});

test("words are hashed as their bytes, and another key gives another hash", () => {
  hashWords(KEY, 0x03020100, 0x07060504, 0x0b0a0908);
  equal(hex(), "7bc71f9faef5c799");
  const before = hex();
  hashWords(keyFor(KEY, "a"), 0x03020100, 0x07060504, 0x0b0a0908);
  notEqual(hex(), before);
});
