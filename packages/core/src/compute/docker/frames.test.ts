import assert from "node:assert/strict";
import { test } from "node:test";
import { readFrames } from "./frames.ts";
import { lines } from "./lines.ts";

function frame(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

async function* pieces(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test("frames come apart in the same way however they are cut", async () => {
  const bytes = Buffer.concat([frame(1, "out"), frame(2, "error"), frame(1, ""), frame(1, "more")]);
  for (let size = 1; size <= bytes.length; size++) {
    const said = { stdout: "", stderr: "" };
    for await (const { stream, bytes: part } of readFrames(pieces(bytes, size))) said[stream] += Buffer.from(part);
    assert.deepEqual(said, { stdout: "outmore", stderr: "error" }, `in pieces of ${size}`);
  }
});

test("lines are whole, and a last one needs no end", async () => {
  const bytes = Buffer.from("one\n\ntwö\nlast");
  for (let size = 1; size <= bytes.length; size++) {
    assert.deepEqual(await Array.fromAsync(lines(pieces(bytes, size))), ["one", "", "twö", "last"]);
  }
});
