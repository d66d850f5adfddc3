/** Many transfers at once through the real daemon: equal bytes, bounded memory, and what an idle daemon costs. */
import assert from "node:assert/strict";
import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";
import { weighTree } from "../src/testing/process-tree.ts";

const FULL = process.env["SKERRY_TEST_TIER"] === "full";
const TRANSFERS = FULL ? 50 : 12;
const TRANSFER_BYTES = FULL ? 100_000_000 : 20_000_000;
/** Base, buffers of the pool, and what 50 sockets hold; independent of how much is sent. */
const PEAK_LIMIT_MB = 400;
const IDLE_LIMIT_MB = 150;
/** The daemon with a gateway worker for each of two cores. */
const TREE_LIMIT_MB = 250;
/** What stays in a process that took types out of sources. */
const COMPILER_MB = 26;

/** Bytes that cannot be compressed or guessed, the same for the same seed. */
async function* content(seed: Buffer): AsyncGenerator<Uint8Array> {
  const cipher = createCipheriv("aes-128-ctr", seed, Buffer.alloc(16));
  const zeros = Buffer.alloc(256 * 1024);
  for (let left = TRANSFER_BYTES; left > 0; left -= zeros.length) {
    yield cipher.update(zeros.subarray(0, Math.min(left, zeros.length)));
  }
}

async function md5(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("md5");
  for await (const part of bytes) hash.update(part);
  return hash.digest("hex");
}

async function megabytes(daemon: DaemonProcess, file: "smaps_rollup" | "status", field: string): Promise<number> {
  const text = await readFile(`/proc/${daemon.pid}/${file}`, "utf8");
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text)?.[1]) / 1024;
}

test(`${TRANSFERS} uploads and downloads at once stay under ${PEAK_LIMIT_MB} MB`, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "skerry-memory-"));
  try {
    await using daemon = await startDaemonProcess({ data: join(directory, "data") });
    t.diagnostic(`ready after ${daemon.readyMs.toFixed(0)} ms`);
    await sleep(3_000);
    const idle = await megabytes(daemon, "smaps_rollup", "Pss");
    t.diagnostic(`idle: ${idle.toFixed(0)} MB PSS`);
    assert.ok(idle < IDLE_LIMIT_MB, `idle below ${IDLE_LIMIT_MB} MB`);

    const client = daemon.client(await daemon.login());
    await client.call(bucketRoutes.create, { body: { name: "box" } });
    const startMs = performance.now();
    await Promise.all(
      Array.from({ length: TRANSFERS }, async (_, i) => {
        const seed = randomBytes(16);
        const params = { bucket: "box", key: `transfer-${i}` };
        const stored = await client.upload(objectRoutes.put, { params, bytes: content(seed) });
        assert.equal(stored.sizeBytes, TRANSFER_BYTES);
        const { body } = await client.download(objectRoutes.get, { params });
        const read = await md5(body);
        assert.equal(read, stored.etag);
        assert.equal(read, await md5(content(seed)));
      }),
    );
    const peak = await megabytes(daemon, "status", "VmHWM");
    const seconds = (performance.now() - startMs) / 1000;
    const moved = (TRANSFERS * TRANSFER_BYTES * 2) / 1e6;
    t.diagnostic(`${moved} MB through in ${seconds.toFixed(1)} s, peak ${peak.toFixed(0)} MB resident`);
    assert.ok(peak < PEAK_LIMIT_MB, `${peak.toFixed(0)} MB`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test("right after the very first start, with nothing compiled, the tree is no heavier than it may be", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "skerry-memory-"));
  const weighWorkers = async () => {
    const env = { NODE_COMPILE_CACHE: join(directory, "compiled") };
    const argv = ["--gateway-workers", "2"];
    await using daemon = await startDaemonProcess({ data: join(directory, "data"), argv, env });
    await sleep(3_000);
    const tree = await weighTree(daemon.pid);
    const total = tree.reduce((sum, { pssMb }) => sum + pssMb, 0);
    t.diagnostic(`${total.toFixed(0)} MB PSS: ${tree.map(({ pssMb }) => pssMb.toFixed(0)).join(" + ")}`);
    assert.equal(tree.length, 3);
    assert.ok(total < TREE_LIMIT_MB, `the tree stays below ${TREE_LIMIT_MB} MB`);
    // What compiles leaves its cache when it ends.
    await daemon.kill("SIGTERM");
    return Math.max(...tree.slice(1).map(({ privateMb }) => privateMb));
  };
  try {
    const first = await weighWorkers();
    const later = await weighWorkers();
    t.diagnostic(`a worker: ${first.toFixed(0)} MB at first, ${later.toFixed(0)} MB later`);
    assert.ok(first < later + COMPILER_MB / 2, "no worker has compiled its sources itself");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
