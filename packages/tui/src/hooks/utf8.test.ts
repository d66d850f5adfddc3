import assert from "node:assert/strict";
import { test } from "node:test";
import { compareUtf8 } from "./utf8.ts";

test("the order is that of the bytes", () => {
  const texts = ["", "a", "a/", "ab", "b", "é", "日本", "\ud7ff", "\ue000", "\uffff", "😀", "😀a", "🙂"];
  for (const a of texts)
    for (const b of texts)
      assert.equal(Math.sign(compareUtf8(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)), `${a} ${b}`);
});
