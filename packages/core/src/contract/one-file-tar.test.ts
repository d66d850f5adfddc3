import assert from "node:assert/strict";
import { test } from "node:test";
import { tarOf } from "../testing/image-tar.ts";
import { takeFile, tarOfFile } from "./one-file-tar.ts";

async function* parts(text: string): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < text.length; at += 1000) yield Buffer.from(text.slice(at, at + 1000));
}

async function taken(tar: AsyncIterable<Uint8Array>): Promise<[string, number]> {
  let found: [string, number] = ["", 0];
  await takeFile(tar, async ({ bytes, mode }) => {
    found = [Buffer.concat(await Array.fromAsync(bytes)).toString(), mode];
  });
  return found;
}

test("a file is the same after its way through a tar", async () => {
  for (const text of ["", "x", "long ".repeat(5000)]) {
    const file = { name: "näme".repeat(60), sizeBytes: text.length, mode: 0o640, modifiedMs: 1000, bytes: parts(text) };
    assert.deepEqual(await taken(tarOfFile(file)), [text, 0o640]);
  }
});

test("a file that is shorter or longer than was said is none", async () => {
  for (const sizeBytes of [10, 3000]) {
    const file = { name: "a", sizeBytes, mode: 0o644, modifiedMs: 0, bytes: parts("x".repeat(2000)) };
    await assert.rejects(taken(tarOfFile(file)));
  }
});

test("what is not exactly one plain file is refused", async () => {
  async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  await assert.rejects(taken(once(await tarOf({ a: "1", b: "2" }))), { code: "invalid" });
  await assert.rejects(taken(once(await tarOf({}))), { code: "invalid", message: /no file/ });
  await assert.rejects(taken(once((await tarOf({ a: "x".repeat(2000) })).subarray(0, 1500))));
});
