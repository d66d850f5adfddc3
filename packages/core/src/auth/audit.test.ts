import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type ErrorId, isError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import { newUid } from "../domain/resource.ts";
import { realClock } from "../platform/clock.ts";
import { realDisk } from "../platform/disk.ts";
import { createFakeClock, type FakeClock } from "../testing/fake-clock.ts";
import { createSimDisk, type SimDisk } from "../testing/sim-disk.ts";
import { createSimRandom } from "../testing/sim-random.ts";
import { createCollectingLogger, createCollectingMetrics } from "../testing/sim-telemetry.ts";
import { type AuditEvent, createAudit, formatAudit } from "./audit.ts";
import { newSecret } from "./secrets.ts";

const is = (id: ErrorId) => (error: unknown) => isError(error, id);
const FILE = "/audit/audit.log";

function event(target = "bucket/photos"): AuditEvent {
  return {
    requestId: "r-1",
    actor: { uid: "u", name: "mia", credential: "token/ci" },
    action: "bucket.create",
    target,
    outcome: "ok",
    ip: "10.0.0.1",
  };
}
const denial: AuditEvent = { ...event(), outcome: "denied", code: "forbidden" };

function parts(disk: SimDisk = createSimDisk()) {
  return {
    disk,
    directory: "/audit",
    clock: createFakeClock(),
    log: createCollectingLogger(),
    metrics: createCollectingMetrics(),
  };
}

/** A second passes, and what the simulated disk then has to do is done. */
async function second(clock: FakeClock): Promise<void> {
  await clock.advance(LIMITS.auth.auditSyncMs);
  for (let turn = 0; turn < 80; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function lines(disk: SimDisk, path = FILE): Record<string, unknown>[] {
  const text = disk.content(path).toString();
  assert.ok(text === "" || text.endsWith("\n"));
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

test("a record is in the file when it resolves, and survives a power cut a second later", async () => {
  const world = parts();
  await using audit = await createAudit(world);
  await audit.record(event());
  assert.deepEqual(lines(world.disk), [{ v: 1, time: new Date(world.clock.wallMs()).toISOString(), ...event() }]);
  await second(world.clock);
  world.disk.crash("dropAll");
  world.disk.powerOn();
  assert.equal(lines(world.disk).length, 1);
  await using after = await createAudit({ ...world, clock: createFakeClock() });
  await after.record(event("bucket/next"));
  assert.deepEqual(
    lines(world.disk).map(({ target }) => target),
    ["bucket/photos", "bucket/next"],
  );
});

test("many records at once are written in order, each once", async () => {
  const world = parts();
  await using audit = await createAudit(world);
  await Promise.all(Array.from({ length: 500 }, (_, i) => audit.record(event(`bucket/${i}`))));
  assert.deepEqual(
    lines(world.disk).map(({ target }) => target),
    Array.from({ length: 500 }, (_, i) => `bucket/${i}`),
  );
});

test("the newest records are read first, over rotated files, and no more than asked for", async () => {
  const world = parts();
  await using audit = await createAudit({ ...world, maxFileBytes: 2000, maxFiles: 4 });
  for (let i = 0; i < 100; i++) await audit.record(event(`bucket/${i}`));
  assert.deepEqual(world.disk.files(), [FILE, `${FILE}.1`, `${FILE}.2`, `${FILE}.3`]);
  for (const file of world.disk.files()) assert.ok(world.disk.content(file).length <= 2000);
  const tail = await audit.readTail(20);
  assert.deepEqual(
    tail.map(({ target }) => target),
    Array.from({ length: 20 }, (_, i) => `bucket/${99 - i}`),
  );
  const all = await audit.readTail(100_000);
  const kept = world.disk.files().flatMap((file) => lines(world.disk, file)).length;
  assert.equal(all.length, kept);
  assert.ok(kept > 20 && kept < 100);
});

test("lines longer than a read's block are read whole", async () => {
  const world = parts();
  await using audit = await createAudit(world);
  for (let i = 0; i < 100; i++) await audit.record(event(`${i}/${"x".repeat(2000)}`));
  const tail = await audit.readTail(1000);
  assert.deepEqual(
    tail.map(({ target }) => target?.split("/")[0]),
    Array.from({ length: 100 }, (_, i) => String(99 - i)),
  );
});

test("a torn last line is cut, what is before it stays", async () => {
  const world = parts();
  {
    await using audit = await createAudit(world);
    await audit.record(event());
  }
  const whole = world.disk.content(FILE).length;
  await using file = await world.disk.open(FILE, { write: true });
  await file.write(Buffer.from(`{"v":1,"time":"2026${"\0".repeat(100_000)}`), whole);
  await using audit = await createAudit(world);
  assert.equal(world.disk.content(FILE).length, whole);
  await audit.record(event("bucket/next"));
  assert.equal(lines(world.disk).length, 2);
});

test("a crash anywhere, also in a rotation, leaves whole lines, and loses none that was synced", async () => {
  const rounds = process.env["SKERRY_TEST_TIER"] === "full" ? 2000 : 100;
  for (let seed = 1; seed <= rounds; seed++) {
    const random = createSimRandom(seed);
    const world = parts(createSimDisk({ seed }));
    const options = { ...world, maxFileBytes: 1500, maxFiles: 50 };
    const audit = await createAudit(options);
    world.disk.crashAfter(5 + random.below(60));
    let done = 0;
    let synced = 0;
    for (let i = 0; i < 40 && !world.disk.crashed; i++) {
      await audit.record(event(`bucket/${i}`)).then(
        () => (done = i + 1),
        () => undefined,
      );
      if (!random.chance(0.3)) continue;
      await second(world.clock);
      if (!world.disk.crashed) synced = done;
    }
    if (!world.disk.crashed) world.disk.crash("someKept");
    await Promise.resolve(audit[Symbol.asyncDispose]()).catch(() => undefined);
    world.disk.crash(random.pick(["dropAll", "someKept"]));
    world.disk.powerOn();
    await using after = await createAudit({ ...options, clock: createFakeClock() });
    const found = new Set((await after.readTail(1000)).map(({ target }) => target));
    for (let i = 0; i < synced; i++) assert.ok(found.has(`bucket/${i}`), `seed ${seed}: record ${i} of ${synced}`);
  }
});

test("without a log nothing may be changed, and a mended one says that there is a gap", async () => {
  const world = parts();
  await using audit = await createAudit(world);
  await audit.record(event("bucket/before"));
  for (const [broken, code] of [
    ["write", "ENOSPC"],
    ["sync", "EIO"],
  ] as const) {
    world.disk.inject((operation) => (operation === broken ? code : undefined));
    if (broken === "write") {
      await assert.rejects(audit.record(event("bucket/lost")), is("unavailable"));
    } else {
      await audit.record(event("bucket/unsynced"));
      await second(world.clock);
    }
    await assert.rejects(
      audit.assertWritable(),
      (error) => isError(error, "unavailable") && error.retryAfterMs !== undefined,
    );
    await assert.rejects(audit.record(event("bucket/refused")), is("unavailable"));
    await second(world.clock);
    await assert.rejects(audit.assertWritable(), is("unavailable"), "still broken");
    world.disk.inject(undefined);
    await assert.rejects(audit.assertWritable(), is("unavailable"), "not tried again at once");
    await second(world.clock);
    await Promise.all([audit.assertWritable(), audit.assertWritable()]);
    await audit.record(event(`bucket/after-${broken}`));
  }
  const written = lines(world.disk).map(({ action, target }) => target ?? action);
  assert.deepEqual(written, [
    "bucket/before",
    "audit.gap",
    "bucket/after-write",
    "bucket/unsynced",
    "audit.gap",
    "bucket/after-sync",
  ]);
  assert.equal(world.metrics.value("skerry_auth_audit_failures_total"), 2);
});

test("denials are bounded in a second, and the number left out is written", async () => {
  const world = parts();
  await using audit = await createAudit(world);
  const { maxAuditDenialsPerSecond: most } = LIMITS.auth;
  for (let i = 0; i < most + 480; i++) audit.denied(denial);
  await audit.record(event("bucket/mutation"));
  await second(world.clock);
  audit.denied(denial);
  await audit.record(event("bucket/last"));
  const found = lines(world.disk);
  assert.equal(
    found.filter(({ outcome, action }) => outcome === "denied" && action === "bucket.create").length,
    most + 1,
  );
  assert.deepEqual(
    found.filter(({ action }) => action === "audit.suppressed").map(({ count }) => count),
    [480],
  );
  assert.equal(found.filter(({ outcome }) => outcome === "ok").length, 2, "a mutation is never left out");
});

test("records that wait are bounded", async () => {
  const world = parts();
  await using audit = await createAudit(world);
  const all = await Promise.allSettled(
    Array.from({ length: LIMITS.auth.maxAuditPending * 2 + 10 }, () => audit.record(event())),
  );
  const refused = all.filter((result) => result.status === "rejected");
  assert.ok(refused.length >= 10);
  assert.ok(refused.every(({ reason }) => is("exhausted/overload")(reason)));
  await audit.record(event());
  assert.equal(lines(world.disk).length, all.length - refused.length + 1);
});

/** The disk of `world`, whose writes wait while the gate is closed. Disposing opens it. */
function gated(world: { disk: SimDisk }) {
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  const disk = new Proxy(world.disk, {
    get: (target, name) => {
      const value = Reflect.get(target, name, target);
      if (name !== "open") return typeof value === "function" ? value.bind(target) : value;
      return async (...input: Parameters<SimDisk["open"]>) => {
        const file = await target.open(...input);
        const { write } = file;
        return Object.assign(file, {
          write: async (...bytes: Parameters<typeof write>) => gate.promise.then(() => write.apply(file, bytes)),
        });
      };
    },
  });
  const open = () => gate.resolve();
  const close = () => {
    gate = Promise.withResolvers<void>();
  };
  return { disk, open, close, [Symbol.dispose]: open };
}

test("a full queue is no broken log: denials left out are written all the same", async () => {
  const world = parts();
  using gate = gated(world);
  await using audit = await createAudit({ ...world, disk: gate.disk });
  using _opened = { [Symbol.dispose]: gate.open };
  for (let i = 0; i <= LIMITS.auth.maxAuditDenialsPerSecond; i++) audit.denied(denial);
  await audit.record(event());
  gate.close();
  const slow = audit.record(event("bucket/slow"));
  await new Promise((resolve) => setImmediate(resolve));
  const waiting = Array.from({ length: LIMITS.auth.maxAuditPending }, () => audit.record(event()));
  await second(world.clock);
  await assert.rejects(audit.record(event()), is("exhausted/overload"));
  gate.open();
  await Promise.all([slow, ...waiting]);
  await audit.assertWritable();
  await second(world.clock);
  const actions = lines(world.disk).map(({ action }) => action as string);
  assert.deepEqual(
    actions.filter((action) => action.startsWith("audit.")),
    ["audit.suppressed"],
  );
});

test("denials left out are counted once, also when a write takes longer than a second", async () => {
  const world = parts();
  using gate = gated(world);
  await using audit = await createAudit({ ...world, disk: gate.disk });
  using _opened = { [Symbol.dispose]: gate.open };
  const most = LIMITS.auth.maxAuditDenialsPerSecond;
  gate.close();
  for (const leftOut of [3, 4, 5]) {
    for (let i = 0; i < most + leftOut; i++) audit.denied(denial);
    await second(world.clock);
  }
  gate.open();
  await second(world.clock);
  await second(world.clock);
  const counts = lines(world.disk).flatMap(({ count }) => (count === undefined ? [] : [count as number]));
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    12,
  );
});

test("a line holds no secret, nothing that a terminal acts on, and is bounded", () => {
  const random = createSimRandom(5);
  const { bearer } = newSecret("token", newUid(random), random);
  const evil = `${bearer}\n\u001b]0;x\u0007\u009b31m\u2028\u202e\u007f`;
  const line = formatAudit(
    {
      ...event(evil),
      requestId: evil,
      ip: evil,
      actor: { uid: evil, name: evil, credential: evil },
      code: evil,
      action: evil,
    },
    0,
  );
  assert.equal(line.includes(bearer.slice(-43)), false);
  assert.match(line, /^[ -~]+\n$/);
  assert.ok(JSON.parse(line).target.endsWith("\n\u001b]0;x\u0007\u009b31m\u2028\u202e\u007f"), "it can be read back");
  for (const long of ["x", "\u001b", "🐟", "\u2028"]) {
    const text = formatAudit(event(long.repeat(100_000)), 0);
    assert.ok(Buffer.byteLength(text) <= LIMITS.auth.maxAuditLineBytes);
    JSON.parse(text);
  }
});

test("on a real disk the files are only for their owner", async () => {
  const directory = await mkdtemp(join(tmpdir(), "skerry-audit-"));
  try {
    const log = createCollectingLogger();
    {
      const options = { disk: realDisk, clock: realClock, log, metrics: createCollectingMetrics() };
      await using audit = await createAudit({ ...options, directory: join(directory, "audit"), maxFileBytes: 400 });
      for (let i = 0; i < 5; i++) await audit.record(event(`bucket/${i}`));
      assert.deepEqual(
        (await audit.readTail(2)).map(({ target }) => target),
        ["bucket/4", "bucket/3"],
      );
    }
    for (const name of ["audit.log", "audit.log.1"]) {
      assert.equal((await stat(join(directory, "audit", name))).mode & 0o777, 0o600);
    }
    assert.deepEqual(log.lines, []);
  } finally {
    await rm(directory, { recursive: true });
  }
});
