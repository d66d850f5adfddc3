import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../domain/limits.ts";
import { assertSameBytes, BUCKET, createSimStorage } from "../testing/sim-storage.ts";
import { SpareBuffers } from "./spare-buffers.ts";

const { ioBytes } = LIMITS.objects;

test("a buffer that was given is taken again, once; one of another size is not", () => {
  const spares = new SpareBuffers();
  const buffer = spares.take();
  assert.equal(buffer.byteLength, ioBytes);
  spares.give(buffer);
  spares.give(new Uint8Array(ioBytes / 2));
  assert.equal(spares.take(), buffer);
  assert.notEqual(spares.take(), buffer);
});

test("what a download has handed out never becomes other bytes, however it ends", async () => {
  const storage = await createSimStorage({ chunkBytes: 4 * ioBytes });
  const film = storage.random.bytes(3 * ioBytes);
  await storage.put("film", film);
  const held: { readonly piece: Uint8Array; readonly at: number }[] = [];
  const open = async (signal: AbortSignal) => {
    const found = await storage.objects.get({ bucket: BUCKET, key: "film", signal });
    return found?.body ?? assert.fail();
  };
  const hold = async (body: AsyncIterator<Uint8Array>, at: number) => {
    const { value } = await body.next();
    held.push({ piece: value ?? assert.fail(), at });
  };
  const left = new AbortController();
  const [returned, aborted, read] = [await open(left.signal), await open(left.signal), await open(AbortSignal.any([]))];
  await hold(returned, 0);
  await hold(aborted, 0);
  for (let at = 0; at < film.byteLength; at += ioBytes) await hold(read, at);
  await returned.return();
  left.abort(new Error("the client left"));
  assert.equal((await read.next()).done, true);
  for (let n = 0; n < 4; n++) {
    const other = storage.random.bytes(2 * ioBytes + 1);
    await storage.put("other", other);
    assertSameBytes((await storage.get("other")) ?? assert.fail(), other);
  }
  // Of the one that was read to its end, the last two are still as they were.
  const lasting = held.filter(({ at }, n) => n < 2 || at > 0);
  for (const { piece, at } of lasting) assertSameBytes(piece, film.subarray(at, at + ioBytes), `at ${at}`);
});
