/** The small parts of the storage, each on its own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createSimDisk } from "../testing/sim-disk.ts";
import { createSimRandom } from "../testing/sim-random.ts";
import { BufferPool } from "./buffer-pool.ts";
import type { ChunkServer } from "./chunkserver.ts";
import { DirectorySync } from "./directory-sync.ts";
import { Pins } from "./pins.ts";
import { copiesText, placementOrder } from "./placement.ts";
import { createVersions } from "./versions.ts";

test("a pool hands its buffers out in the order of asking, and forgets who gave up", async () => {
  const pool = new BufferPool(2, 65_536);
  const first = await pool.acquire();
  const second = await pool.acquire();
  assert.notEqual(first.byteOffset, second.byteOffset);
  const order: string[] = [];
  const abort = new AbortController();
  const wait = (name: string, signal?: AbortSignal) =>
    pool.acquire(signal).then((buffer) => {
      order.push(name);
      return buffer;
    });
  const a = wait("a");
  const gone = wait("gone", abort.signal);
  const b = wait("b");
  assert.deepEqual([pool.used, pool.waiting], [2, 3]);
  abort.abort(new Error("enough"));
  await assert.rejects(gone, /enough/);
  await assert.rejects(pool.acquire(abort.signal), /enough/);
  pool.release(first);
  assert.equal(await a, first);
  pool.release(second);
  assert.equal(await b, second);
  assert.deepEqual(order, ["a", "b"]);
  pool.release(first);
  pool.release(second);
  assert.deepEqual([pool.used, pool.waiting], [0, 0]);
});

test("one sync of a directory covers all who asked before it began, and none who asked later", async () => {
  const disk = createSimDisk();
  await disk.makeDirectory("/d");
  await disk.syncDirectory("/");
  let syncs = 0;
  disk.inject((operation) => {
    if (operation === "syncDirectory") syncs += 1;
    return undefined;
  });
  const sync = new DirectorySync(disk);
  const names: Promise<void>[] = [];
  for (let i = 0; i < 20; i += 1) {
    await (await disk.open(`/d/${i}`, { write: true, create: "exclusive" })).close();
    names.push(sync.sync("/d"));
  }
  await Promise.all(names);
  assert.ok(syncs < 20, `${syncs} syncs`);
  disk.crash("dropAll");
  disk.powerOn();
  assert.equal(disk.files().filter((path) => path.startsWith("/d/")).length, 20);
});

test("a failed sync is told to all it was for, and the next one is tried", async () => {
  const disk = createSimDisk();
  await disk.makeDirectory("/d");
  const sync = new DirectorySync(disk);
  disk.inject((operation) => (operation === "syncDirectory" ? "EIO" : undefined));
  const outcomes = await Promise.allSettled([sync.sync("/d"), sync.sync("/d"), sync.sync("/d")]);
  assert.ok(outcomes.every((outcome) => outcome.status === "rejected"));
  disk.inject(undefined);
  await sync.sync("/d");
});

test("a removal waits for look-ups that have not pinned yet", async () => {
  const pins = new Pins();
  let finish = (): void => undefined;
  const lookup = pins.duringLookup(async () => {
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    return pins.pin(["c"]);
  });
  let waited = false;
  const removal = pins.lookupsDone().then(() => {
    waited = true;
    return pins.has("c");
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(waited, false);
  finish();
  assert.equal(await removal, true);
  const unpin = await lookup;
  const other = pins.pin(["c"]);
  unpin();
  unpin();
  assert.equal(pins.has("c"), true);
  other();
  assert.deepEqual([pins.has("c"), pins.size], [false, 0]);
});

test("versions sort in the order in which they were given, also when the clock goes back", () => {
  const clock = createFakeClock();
  const next = createVersions(clock, createSimRandom(1));
  const versions = Array.from({ length: 100 }, (_, i) => {
    clock.setWall(Date.UTC(2026, 0, 1) - i * 1000);
    return next();
  });
  assert.deepEqual([...versions].sort(), versions);
  assert.ok(versions.every((version) => version.length === 26));
});

function serverOn(name: string, device: number, available = true): ChunkServer {
  return { name, state: { name, directory: `/${name}`, device, available } } as unknown as ChunkServer;
}

test("replicas go to different disks first, and never to a chunkserver that is away", () => {
  const servers = [serverOn("a", 1), serverOn("b", 1), serverOn("c", 2), serverOn("d", 3), serverOn("e", 4, false)];
  for (let seed = 0; seed < 50; seed += 1) {
    const order = placementOrder(servers, createSimRandom(seed));
    assert.equal(order.length, 4);
    assert.equal(new Set(order.slice(0, 3).map((server) => server.state.device)).size, 3);
  }
  assert.equal(copiesText(3, servers), "3 copies on 3 disks");
  assert.equal(copiesText(3, servers.slice(0, 1)), "1 copy on 1 disk");
});
