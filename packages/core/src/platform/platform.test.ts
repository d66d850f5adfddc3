import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, stat } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Worker } from "node:worker_threads";
import type { Disk } from "../domain/ports.ts";
import { realClock } from "./clock.ts";
import { createDigestThread } from "./digests.ts";
import { realDisk } from "./disk.ts";
import { realNetwork } from "./network.ts";
import { realRandom } from "./random.ts";

async function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "skerry-platform-"));
  try {
    await body(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

interface WasmGlobal {
  readonly WebAssembly: {
    Memory: new (shape: { initial: number; maximum: number; shared: true }) => { buffer: SharedArrayBuffer };
  };
}

/** A page-aligned buffer: Node's own are not aligned. */
function aligned(sizeBytes: number): Uint8Array {
  const pages = Math.ceil(sizeBytes / 65536);
  const { Memory } = (globalThis as unknown as WasmGlobal).WebAssembly;
  const memory = new Memory({ initial: pages, maximum: pages, shared: true });
  return new Uint8Array(memory.buffer, 0, sizeBytes);
}

test("the clock sleeps, and a signal wakes the sleeper with its reason", async () => {
  const startMs = realClock.monotonicMs();
  await realClock.sleep(5);
  assert.ok(realClock.monotonicMs() > startMs);
  assert.ok(realClock.wallMs() > Date.UTC(2024, 0, 1));
  const reason = new Error("enough");
  await assert.rejects(realClock.sleep(60_000, AbortSignal.abort(reason)), reason);
  const controller = new AbortController();
  const sleeping = realClock.sleep(2 ** 40, controller.signal);
  controller.abort(reason);
  await assert.rejects(sleeping, reason);
});

test("random bytes are as many as asked and differ, fractions stay in [0, 1)", () => {
  assert.equal(realRandom.bytes(33).byteLength, 33);
  assert.notDeepEqual(realRandom.bytes(16), realRandom.bytes(16));
  for (let i = 0; i < 1000; i += 1) {
    const fraction = realRandom.fraction();
    assert.ok(fraction >= 0 && fraction < 1);
  }
});

for (const direct of [false, true]) {
  test(`a file gives back what was written (direct: ${direct})`, () =>
    inDirectory(async (directory) => {
      const path = join(directory, "file");
      const data = aligned(65536);
      data.set(realRandom.bytes(65536));
      await using file = await realDisk.open(path, { write: true, create: "exclusive", direct });
      await file.write(data, 4096);
      await file.syncData();
      assert.equal(await file.size(), 4096 + 65536);
      const back = aligned(65536);
      assert.equal(await file.read(back, 4096), 65536);
      assert.deepEqual(Buffer.from(back), Buffer.from(data));
      assert.equal(await file.read(back, 65536), 4096, "short at the end of the file");
      await file.truncate(4096);
      assert.equal(await file.size(), 4096);
      assert.equal((await stat(path)).mode & 0o777, 0o600);
    }));
}

test("a direct file takes unaligned buffers through the page cache", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "file");
    await using file = await realDisk.open(path, { write: true, create: "exclusive", direct: true });
    const odd = realRandom.bytes(1001);
    await Promise.all([file.write(odd, 3), file.write(odd, 2000)]);
    const back = new Uint8Array(1001);
    assert.equal(await file.read(back, 2000), 1001);
    assert.deepEqual(Buffer.from(back), Buffer.from(odd));
  }));

test("direct files work on a file system in memory too", async () => {
  const directory = await mkdtemp("/dev/shm/skerry-platform-");
  try {
    await using file = await realDisk.open(join(directory, "f"), { write: true, create: "exclusive", direct: true });
    const data = aligned(4096).fill(7);
    await file.write(data, 0);
    assert.equal(await file.read(aligned(4096), 0), 4096);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test("names: make, list, rename, remove, sync; errors keep their codes", () =>
  inDirectory(async (directory) => {
    const disk: Disk = realDisk;
    const deep = join(directory, "a", "b");
    await disk.makeDirectory(deep);
    await disk.makeDirectory(deep);
    assert.equal((await stat(deep)).mode & 0o777, 0o700);
    for (const name of ["z", "m", "a"]) {
      await (await disk.open(join(deep, name), { write: true, create: "exclusive" })).close();
    }
    await assert.rejects(disk.open(join(deep, "z"), { write: true, create: "exclusive" }), { code: "EEXIST" });
    await (await disk.open(join(deep, "z"), { write: true, create: "if-missing" })).close();
    await disk.rename(join(deep, "m"), join(deep, "y"));
    await disk.syncDirectory(deep);
    assert.deepEqual(await disk.readDirectory(deep), ["a", "y", "z"]);
    await disk.remove(join(deep, "a"));
    await assert.rejects(disk.remove(join(deep, "a")), { code: "ENOENT" });
    assert.equal(await disk.stat(join(deep, "a")), undefined);
    assert.equal((await disk.stat(deep))?.kind, "directory");
    assert.equal((await disk.stat(join(deep, "z")))?.kind, "file");
    assert.equal((await disk.stat(deep))?.device, (await disk.stat(directory))?.device);
    const space = await disk.space(deep);
    assert.ok(space.freeBytes > 0 && space.totalBytes >= space.freeBytes);
    await assert.rejects(disk.open(join(deep, "none")), { code: "ENOENT" });
  }));

test("digests of the thread are those of the main thread, streams apart, and a lost thread is told and replaced", async () => {
  await using digests = createDigestThread();
  const data = aligned(65_536);
  data.set(realRandom.bytes(65_536));
  const whole = createHash("md5")
    .update(Buffer.concat([data, data]))
    .digest("hex");
  const [one, two, given] = [digests.md5(), digests.md5(), digests.md5()];
  await Promise.all([one.update(data), two.update(data.subarray(0, 100)), given.update(data), one.update(data)]);
  given.forget();
  assert.equal(await one.digest(), whole);
  assert.equal(
    await two.digest(),
    createHash("md5")
      .update(Buffer.from(data.subarray(0, 100)))
      .digest("hex"),
  );
  assert.equal(await digests.md5().digest(), createHash("md5").digest("hex"));
  const late = digests.md5();
  // What was under way is answered or told, whichever came first; it does not hang.
  const lost = late.update(data).catch((error: Error) => assert.match(error.message, /thread ended/));
  await digests[Symbol.asyncDispose]();
  await lost;
  await assert.rejects(late.digest(), /thread ended/);
  const again = digests.md5();
  await Promise.all([again.update(data), again.update(data)]);
  assert.equal(await again.digest(), whole);
});

test("a late answer of a digest thread that failed is not taken for one of its successor", async () => {
  const threads: NodeJS.EventEmitter[] = [];
  const remember = (thread: unknown) => threads.push(thread as NodeJS.EventEmitter);
  process.on("worker", remember as never);
  await using digests = createDigestThread();
  try {
    const first = digests.md5();
    await first.update(aligned(64));
    const lost = assert.rejects(first.digest(), /out of memory/);
    threads[0]?.emit("error", new Error("out of memory"));
    await lost;
    const second = digests.md5().digest();
    threads[0]?.emit("message", "0".repeat(32));
    assert.equal(await second, createHash("md5").digest("hex"));
  } finally {
    process.off("worker", remember as never);
    await Promise.all(threads.map((thread) => (thread as unknown as Worker).terminate()));
  }
});

test("the network connects to what listens, over TCP and a path, and refuses an address in use", () =>
  inDirectory(async (directory) => {
    for (const address of [{ host: "127.0.0.1", port: 0 }, { path: join(directory, "sock") }]) {
      const server = await realNetwork.listen(address, (socket) => socket.end("hello"));
      const port = "port" in address ? (server.address() as AddressInfo).port : 0;
      const target = "path" in address ? address : { host: "127.0.0.1", port };
      const socket = realNetwork.connect(target);
      const received: Buffer[] = [];
      for await (const piece of socket) received.push(piece as Buffer);
      socket.destroy();
      assert.equal(Buffer.concat(received).toString(), "hello");
      await assert.rejects(
        realNetwork.listen(target, () => undefined),
        { code: "EADDRINUSE" },
      );
      await new Promise((resolve) => server.close(resolve));
    }
  }));
