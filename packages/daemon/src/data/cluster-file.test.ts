import assert from "node:assert/strict";
import { test } from "node:test";
import type { Disk } from "@skerry/core/domain/ports.ts";
import { createFakeClock } from "@skerry/core/testing/fake-clock.ts";
import { createSimDisk, type SimDisk } from "@skerry/core/testing/sim-disk.ts";
import { createSimRandom } from "@skerry/core/testing/sim-random.ts";
import { createClusterFile, readClusterFile } from "./cluster-file.ts";
import { layoutOf } from "./layout.ts";

const layout = layoutOf("/data");
const MODES = ["dropAll", "someKept"] as const;

/** A disk with `/data` on it, durable. */
async function diskWithDirectory(seed: number): Promise<SimDisk> {
  const disk = createSimDisk({ seed });
  await disk.makeDirectory("/data");
  await disk.syncDirectory("/");
  return disk;
}

function create(disk: Disk, seed: number) {
  return createClusterFile(layout, {
    disk,
    clock: createFakeClock(),
    random: createSimRandom(seed),
    version: "0.1.0",
  });
}

test("after a power cut at any operation the file is whole or not there; once made it stays", async () => {
  const whole = await diskWithDirectory(1);
  const before = whole.operations;
  await create(whole, 1);
  const steps = whole.operations - before;
  assert.ok(steps >= 5, "open, write, sync, rename, sync of the directory");

  for (let step = 1; step <= steps + 1; step++) {
    for (const mode of MODES) {
      const seed = step * 10 + MODES.indexOf(mode);
      const disk = await diskWithDirectory(seed);
      disk.crashAfter(step);
      const made = await create(disk, seed).catch(() => undefined);
      if (!disk.crashed) disk.crash(mode);
      disk.powerOn();
      const found = await readClusterFile(disk, layout);
      // What was reported as made is there after the cut; what is there is whole (else reading throws).
      if (made !== undefined) assert.deepEqual(found, made, `${mode} after ${step} operations`);
      const next = found ?? (await create(disk, seed + 1));
      assert.deepEqual(await readClusterFile(disk, layout), next, "the start after it goes on");
    }
  }
});

test("a disk that fails at any operation leaves no half file under the name", async () => {
  for (const operation of ["open", "write", "sync", "truncate", "rename", "syncDirectory"] as const) {
    const disk = await diskWithDirectory(7);
    disk.inject((running) => (running === operation ? "ENOSPC" : undefined));
    await assert.rejects(create(disk, 7), { code: "ENOSPC" }, operation);
    disk.inject(undefined);
    const found = await readClusterFile(disk, layout);
    const next = found ?? (await create(disk, 8));
    assert.deepEqual(await readClusterFile(disk, layout), next, operation);
  }
});
