import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../domain/limits.ts";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { createSimDisk } from "../../testing/sim-disk.ts";
import { createSimRandom } from "../../testing/sim-random.ts";
import type { RequestRecord } from "../proxy/records.ts";
import { AccessLog, type AccessLogOptions, accessFileOf } from "./access-log.ts";

const { accessBufferBytes, accessFiles, accessFlushMs, maxAccessPendingBytes } = LIMITS.gateway;
const FILE = "/log/access-0.log";

function record(path: string, more: Partial<RequestRecord> = {}): RequestRecord {
  return {
    ...{ id: "i", routeId: "r", client: "192.0.2.7", protocol: "HTTP/1.1", tls: undefined, method: "GET", host: "h" },
    ...{ path, status: 200, durationMs: 1, upstreamMs: undefined, bytesIn: 0, bytesOut: 1, upstream: undefined },
    ...{ attempts: 1, hedges: 0, error: undefined, ...more },
  };
}

function world(more: Partial<AccessLogOptions> = {}) {
  const disk = createSimDisk();
  const clock = createFakeClock();
  const random = createSimRandom(1);
  const place = { directory: "/log", file: accessFileOf(0), fileBytes: 1_000_000, share: 1 };
  const open = () => new AccessLog({ ...place, clock, disk, random, ...more });
  return { disk, clock, log: open(), open };
}
type World = ReturnType<typeof world>;

const parsed = ({ disk }: World, path = FILE) =>
  (disk.files().includes(path) ? disk.content(path).toString("latin1") : "")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { path?: string; dropped?: number });
const paths = (one: World, path = FILE) => parsed(one, path).map((line) => line.path ?? `${line.dropped} dropped`);
/** Lets what was asked of the disk be done. */
const settle = async ({ clock }: World) => {
  for (let turn = 0; turn < 50; turn++) await clock.advance(0);
};

test("lines are written after a second, or when there are many; nothing while nothing comes", async () => {
  const one = world();
  one.log.add(record("/a"));
  await one.clock.advance(accessFlushMs - 1);
  await settle(one);
  deepEqual(paths(one), []);
  await one.clock.advance(1);
  await settle(one);
  deepEqual(paths(one), ["/a"]);
  equal(one.clock.sleepers, 0);
  const many = Math.ceil(accessBufferBytes / 100);
  for (let n = 0; n < many; n++) one.log.add(record(`/${n}`));
  await settle(one);
  ok(paths(one).length > many / 2);
  await one.log.close();
  equal(paths(one).length, many + 1);
  equal(one.disk.openFiles, 0);
});

test("files are rotated by size, whole lines only, and the oldest goes", async () => {
  const one = world({ fileBytes: 2000 });
  for (let n = 0; n < 200; n++) {
    one.log.add(record(`/${n}`));
    if (n % 5 === 4) {
      await one.clock.advance(accessFlushMs);
      await settle(one);
    }
  }
  await one.log.close();
  const names = Array.from({ length: accessFiles }, (_, age) => (age === 0 ? FILE : `${FILE}.${age}`));
  deepEqual(one.disk.files(), names.toSorted());
  const kept = names.toReversed().flatMap((name) => paths(one, name));
  equal(kept.at(-1), "/199");
  deepEqual(
    kept,
    Array.from({ length: kept.length }, (_, n) => `/${200 - kept.length + n}`),
  );
  for (const name of names) ok(one.disk.content(name).length <= 2000);
});

test("who comes after one that was killed in a line cuts it off and goes on", async () => {
  const one = world();
  one.log.add(record("/whole"));
  await one.log.close();
  const file = await one.disk.open(FILE, { write: true });
  await file.write(Buffer.from('{"time":"2026-11-2'), await file.size());
  await file.close();
  const next = one.open();
  next.add(record("/next"));
  await next.close();
  deepEqual(paths(one), ["/whole", "/next"]);
});

test("a full disk costs lines, never more: they are counted, and the log says so when it goes on", async () => {
  const one = world();
  one.log.add(record("/before"));
  await one.clock.advance(accessFlushMs);
  await settle(one);
  for (const operation of ["write", "open"] as const) {
    one.disk.inject((what) => (what === operation ? "ENOSPC" : undefined));
    one.log.add(record("/lost"));
    one.log.add(record("/lost too"));
    await one.clock.advance(accessFlushMs);
    await settle(one);
  }
  equal(one.log.dropped, 4);
  one.disk.inject(undefined);
  one.log.add(record("/after"));
  await one.log.close();
  deepEqual(paths(one), ["/before", "4 dropped", "/after"]);
  equal(one.disk.openFiles, 0);
});

test("a disk that hangs holds up nobody, and takes a bounded part of the memory", async () => {
  const one = world({ fileBytes: 2 * maxAccessPendingBytes });
  const { promise: hangs, resolve: goesOn } = Promise.withResolvers<void>();
  const { open } = one.disk;
  one.disk.open = async (path, flags) => {
    await hangs;
    return open.call(one.disk, path, flags);
  };
  const count = Math.ceil((2 * maxAccessPendingBytes) / 100);
  for (let n = 0; n < count; n++) one.log.add(record(`/${n}`));
  ok(one.log.dropped > 0 && one.log.dropped < count);
  goesOn();
  await one.log.close();
  const lines = parsed(one);
  const told = lines.reduce((sum, line) => sum + (line.dropped ?? 0), 0);
  equal(told, one.log.dropped);
  equal(lines.filter((line) => line.path !== undefined).length + told, count);
});

test("names that cannot be changed keep the newest lines and the bound", async () => {
  const one = world({ fileBytes: 1000 });
  one.disk.inject((operation) => (operation === "rename" ? "EACCES" : undefined));
  for (let n = 0; n < 50; n++) {
    one.log.add(record(`/${n}`));
    await one.clock.advance(accessFlushMs);
    await settle(one);
  }
  await one.log.close();
  deepEqual(one.disk.files(), [FILE]);
  ok(one.disk.content(FILE).length <= 1000);
  equal(paths(one).at(-1), "/49");
});

test("a share tells of all that failed, and of about so many of the others", async () => {
  for (const [share, low, high] of [
    [0, 0, 0],
    [0.1, 60, 140],
    [1, 1000, 1000],
  ] as const) {
    const one = world({ share });
    for (let n = 0; n < 1000; n++) one.log.add(record("/good"));
    for (let n = 0; n < 50; n++) one.log.add(record("/bad", { status: 502, error: "unavailable/upstream" }));
    for (let n = 0; n < 50; n++) one.log.add(record("/cut", { error: "aborted" }));
    for (let n = 0; n < 50; n++) one.log.add(record("/theirs", { status: 500 }));
    await one.log.close();
    const all = paths(one);
    const good = all.filter((path) => path === "/good").length;
    ok(good >= low && good <= high, `${share}: ${good}`);
    equal(all.length - good, 150);
  }
});
