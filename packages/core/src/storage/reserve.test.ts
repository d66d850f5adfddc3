import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../domain/limits.ts";
import { createSimDisk } from "../testing/sim-disk.ts";
import { createSimRandom } from "../testing/sim-random.ts";
import { createBallast, DiskReserve, reserveBytes } from "./reserve.ts";

const MIB = 1024 * 1024;

async function diskOf(capacityBytes: number) {
  const disk = createSimDisk({ capacityBytes });
  await disk.makeDirectory("/data");
  return disk;
}

test("the reserve is 5 % of a small disk and the limit on a large one", () => {
  assert.equal(reserveBytes({ freeBytes: 0, totalBytes: 1000 }), 50);
  assert.equal(reserveBytes({ freeBytes: 0, totalBytes: 2 ** 42 }), LIMITS.objects.diskReserveBytes);
});

test("what is taken never reaches into the reserve, and the disk is not asked each time", async () => {
  const disk = await diskOf(100 * MIB);
  const reserve = new DiskReserve(disk, "s1", "/data");
  await using file = await disk.open("/data/f", { write: true, create: "exclusive" });
  let asked = 0;
  disk.inject((operation) => {
    if (operation === "space") asked += 1;
    return undefined;
  });
  let taken = 0;
  const piece = new Uint8Array(MIB);
  await assert.rejects(
    async () => {
      for (;;) {
        await reserve.take(MIB);
        await file.write(piece, taken * MIB);
        taken += 1;
      }
    },
    { code: "exhausted", reason: "disk" },
  );
  assert.ok(taken >= 94 && taken <= 95, `${taken} of 95`);
  assert.ok(asked < 40, `${asked} questions`);
});

test("the ballast is at most 1 % of the disk, given up and taken back", async () => {
  const disk = await diskOf(400 * MIB);
  const ballast = createBallast({ disk, directory: "/data", random: createSimRandom(1) });
  assert.equal(await ballast.restore(), true);
  assert.equal((await disk.stat("/data/ballast"))?.sizeBytes, 4 * MIB);
  assert.equal(await ballast.restore(), true);
  await ballast.release();
  await ballast.release();
  assert.equal(await disk.stat("/data/ballast"), undefined);
  disk.setCapacity(2 ** 42);
  assert.equal(await ballast.restore(), true);
  assert.equal((await disk.stat("/data/ballast"))?.sizeBytes, LIMITS.objects.ballastBytes);
});

test("the ballast is not taken back from a disk that has hardly room", async () => {
  const disk = await diskOf(100 * MIB);
  await using file = await disk.open("/data/f", { write: true, create: "exclusive" });
  await file.write(new Uint8Array(94.5 * MIB), 0);
  const ballast = createBallast({ disk, directory: "/data", random: createSimRandom(1) });
  assert.equal(await ballast.restore(), false);
  assert.equal((await disk.stat("/data/ballast"))?.sizeBytes ?? 0, 0);
  disk.setCapacity(200 * MIB);
  disk.inject((operation) => (operation === "write" ? "ENOSPC" : undefined));
  assert.equal(await ballast.restore(), false);
});
