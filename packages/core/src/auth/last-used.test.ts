import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../domain/limits.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createSimDisk } from "../testing/sim-disk.ts";
import { createCollectingLogger } from "../testing/sim-telemetry.ts";
import { LastUsed } from "./last-used.ts";

const FILE = "/auth/last-used.json";

async function world() {
  const disk = createSimDisk();
  await disk.makeDirectory("/auth");
  const parts = { disk, directory: "/auth", clock: createFakeClock(), log: createCollectingLogger() };
  return { ...parts, open: () => new LastUsed(parts) };
}

async function write(disk: ReturnType<typeof createSimDisk>, text: string): Promise<void> {
  await using file = await disk.open(FILE, { write: true, create: "if-missing" });
  await file.truncate(0);
  await file.write(Buffer.from(text), 0);
}

test("times survive a restart; an unchanged file is not written again", async () => {
  const { open, disk, clock } = await world();
  const before = open();
  await before.load();
  before.touch("a");
  await clock.advance(5000);
  before.touch("b");
  await before.save(() => true);
  const { operations } = disk;
  await before.save(() => true);
  assert.equal(disk.operations, operations);
  const after = open();
  await after.load();
  assert.deepEqual([after.at("a"), after.at("b"), after.at("c")], [before.at("a"), before.at("b"), undefined]);
});

test("a file that cannot be read begins anew, aloud", async () => {
  for (const text of [
    "",
    "{",
    '{"version":2,"used":{}}',
    "null",
    '{"version":1,"used":{"a":',
    "x".repeat(LIMITS.auth.maxLastUsedKeys * 65),
  ]) {
    const { open, disk, log } = await world();
    await write(disk, text);
    const used = open();
    await used.load();
    assert.equal(log.lines.length, 1, text.slice(0, 20));
    used.touch("b");
    await used.save(() => true);
    assert.deepEqual(Object.keys(JSON.parse(disk.content(FILE).toString()).used), ["b"]);
  }
});

test("a full disk loses nothing but the file, and it is written when there is room", async () => {
  const { open, disk, log } = await world();
  const used = open();
  used.touch("a");
  disk.inject((operation) => (operation === "write" ? "ENOSPC" : undefined));
  await used.save(() => true);
  assert.equal(log.lines.length, 1);
  disk.inject(undefined);
  await used.save(() => true);
  assert.deepEqual(Object.keys(JSON.parse(disk.content(FILE).toString()).used), ["a"]);
});

test("what is remembered is bounded; the one not used for longest goes", async () => {
  const { open } = await world();
  const used = open();
  for (let i = 0; i < LIMITS.auth.maxLastUsedKeys; i++) used.touch(`uid-${i}`);
  used.touch("uid-0");
  used.touch("one more");
  assert.notEqual(used.at("uid-0"), undefined);
  assert.equal(used.at("uid-1"), undefined);
});
