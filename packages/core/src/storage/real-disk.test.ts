/** The whole service over real file systems and the real index. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, open, readdir, rm, stat, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createJobRunner } from "../jobs/runner.ts";
import { realClock } from "../platform/clock.ts";
import { createDigestThread } from "../platform/digests.ts";
import { realDisk } from "../platform/disk.ts";
import { realRandom } from "../platform/random.ts";
import { assertSameBytes, BUCKET, collect, pieces } from "../testing/sim-storage.ts";
import { createCollectingLogger, createCollectingMetrics } from "../testing/sim-telemetry.ts";
import { DATA_OFFSET } from "./chunk-format.ts";
import { openSqliteIndex } from "./index/sqlite/open.ts";
import { createObjectService } from "./objects.ts";
import { openChunkServers } from "./open-chunkservers.ts";

const FULL = process.env["SKERRY_TEST_TIER"] === "full";
const MIB = 1024 * 1024;
const CLUSTER = "abcdefghijklmnopqrstuvwxyz";

async function temporary(context: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "skerry-storage-"));
  context.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** As the daemon composes it; `storage` may be another file system than `data`. */
async function startService(data: string, storage = data) {
  const stack = new AsyncDisposableStack();
  const log = createCollectingLogger();
  const metrics = createCollectingMetrics();
  const world = { clock: realClock, disk: realDisk, random: realRandom, log, metrics };
  const directories = ["s1", "s2", "s3"].map((name) => ({ name, directory: join(storage, name) }));
  const index = stack.use(await openSqliteIndex({ ...world, directory: join(data, "index"), cluster: CLUSTER }));
  await index.batch([{ op: "create-bucket", bucket: BUCKET }]);
  const registryFile = join(data, "chunkservers");
  const servers = await openChunkServers({ ...world, directories, cluster: CLUSTER, registryFile });
  const runner = createJobRunner(world);
  const digests = stack.use(createDigestThread());
  const wake = (job: string): void => runner.wake(job);
  const objects = stack.use(await createObjectService({ ...world, index, servers, digests, wake }));
  for (const job of objects.jobs) runner.add(job);
  stack.use(runner);
  const put = (key: string, body: AsyncIterable<Uint8Array>) =>
    objects.put({ bucket: BUCKET, key, body, contentType: "application/octet-stream", metadata: {} });
  const get = async (key: string) => {
    const found = await objects.get({ bucket: BUCKET, key });
    return found && collect(found.body);
  };
  const paths = async (key: string) => {
    const record = await index.get(BUCKET, key);
    return (record?.chunks ?? []).flatMap(({ id, generation }) =>
      directories.map(({ directory }) => join(directory, "chunks", id.slice(0, 2), `${id}.${generation}`)),
    );
  };
  return { log, metrics, index, objects, put, get, paths, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 30_000;
  while (!(await holds())) {
    assert.ok(performance.now() < deadlineMs, `not within 30 s: ${what}`);
    await realClock.sleep(20);
  }
}

async function flipByte(path: string, offset: number): Promise<void> {
  const file = await open(path, "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, offset);
  byte[0] = (byte[0] ?? 0) ^ 0x10;
  await file.write(byte, 0, 1, offset);
  await file.sync();
  await file.close();
}

test("a flipped byte and a deleted replica: reads stay right, it is logged, the copies are mended", async (context) => {
  const data = await temporary(context);
  await using service = await startService(data);
  const content = Buffer.from(realRandom.bytes(5 * MIB + 123));
  await service.put("k", pieces(content, 100_000));
  const [first = "", second = ""] = await service.paths("k");
  await flipByte(first, DATA_OFFSET + 2 * MIB);
  await unlink(second);
  await until("damage is found by reading", async () => {
    assertSameBytes(await service.get("k"), content);
    return service.log.lines.some((line) => line.level !== "info" && line.fields["server"] === "s1");
  });
  await until("both are mended", async () => {
    const sizes = await Promise.all(
      [first, second].map((path) =>
        stat(path).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
    );
    const { repairQueue } = await service.objects.status();
    return repairQueue === 0 && sizes.every((size) => size === DATA_OFFSET + 5 * MIB + 4096);
  });
  assert.equal((await readdir(join(data, "s1/quarantine"))).length, 1);
  assert.equal(service.metrics.value("skerry_storage_repaired_replicas_total"), 2);
  const third = (await service.paths("k"))[2] ?? "";
  await unlink(third);
  assertSameBytes(await service.get("k"), content, "the mended copies");
});

test("objects are there after a restart, with the mode bits of private files", async (context) => {
  const data = await temporary(context);
  const content = Buffer.from(realRandom.bytes(100_000));
  {
    await using service = await startService(data);
    await service.put("k", pieces(content, 1000));
  }
  await using service = await startService(data);
  assertSameBytes(await service.get("k"), content);
  for (const path of await service.paths("k")) assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await service.objects.status()).replicas, "3 copies on 1 disk");
});

test("a full file system: 507 for new data, the old object intact, deletes make room again", async (context) => {
  if (process.getuid?.() !== 0) {
    context.diagnostic("not root: no small file system can be mounted; the simulated disk alone shows this");
    return;
  }
  const data = await temporary(context);
  const small = await mkdtemp(join(tmpdir(), "skerry-small-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=48m", "tmpfs", small]);
  context.after(async () => {
    execFileSync("umount", ["-l", small]);
    await rm(small, { recursive: true, force: true });
  });
  await using service = await startService(data, small);
  const content = Buffer.from(realRandom.bytes(3 * MIB));
  await service.put("k", pieces(content, 65_536));
  const fill = async () => {
    for (let i = 0; i < 100; i += 1) await service.put(`fill${i}`, pieces(content, 65_536));
  };
  await assert.rejects(fill(), { code: "exhausted", reason: "disk", status: 507 });
  // What another program takes of the reserve: now writes meet ENOSPC itself.
  execFileSync("sh", ["-c", `cat /dev/zero > ${join(small, "other")} || true`], { stdio: "ignore" });
  await assert.rejects(service.put("k", pieces(content, 65_536)), { code: "exhausted", reason: "disk" });
  assertSameBytes(await service.get("k"), content, "the old object");
  for (const name of ["s1", "s2", "s3"]) assert.deepEqual(await readdir(join(small, name, "staging")), []);
  await service.objects.delete({ bucket: BUCKET, key: "fill0" });
  await service.objects.delete({ bucket: BUCKET, key: "fill1" });
  await until("garbage is gone", async () => (await service.index.totals()).garbageChunks === 0);
  await service.put("again", pieces(content.subarray(0, MIB), 65_536));
});

test("a large object goes through in constant memory", async (context) => {
  const data = await temporary(context);
  const sizeBytes = (FULL ? 1024 : 300) * MIB;
  await using service = await startService(data);
  const block = Buffer.from(realRandom.bytes(MIB));
  const sent = createHash("md5");
  let peakBytes = 0;
  async function* body() {
    for (let at = 0; at < sizeBytes; at += MIB) {
      const piece = Buffer.from(block);
      piece.writeUInt32LE(at / MIB, 0);
      sent.update(piece);
      peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
      yield piece;
    }
  }
  const startBytes = process.memoryUsage.rss();
  const { etag } = await service.put("big", body());
  const received = createHash("md5");
  const found = await service.objects.get({ bucket: BUCKET, key: "big" });
  for await (const piece of found?.body ?? assert.fail()) {
    received.update(piece);
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
  }
  const sentDigest = sent.digest("hex");
  assert.deepEqual([etag, received.digest("hex")], [sentDigest, sentDigest]);
  const grownMib = Math.round((peakBytes - startBytes) / MIB);
  context.diagnostic(`${sizeBytes / MIB} MiB in and out: RSS grew by ${grownMib} MiB at most`);
  assert.ok(grownMib < 200, `RSS grew by ${grownMib} MiB`);
});
