import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createSimRandom } from "../../testing/sim-random.ts";
import { assertAllThere, DRIVERS, openStore, reportOf, spawnWriter } from "./writer-child.ts";

const FULL = process.env["SKERRY_TEST_TIER"] === "full";
const ROUNDS = FULL ? 200 : 8;
/** Small, so that many kills fall into a compaction. */
const KEEP_REVISIONS = 50;

for (const driver of DRIVERS) {
  test(`${driver}: every acknowledged write survives kill -9 in ${ROUNDS} random places`, async (t) => {
    const directory = await mkdtemp(join(tmpdir(), "skerry-kill-"));
    t.after(() => rm(directory, { recursive: true, force: true }));
    const path = join(directory, "store.db");
    const seed = Number(process.env["SKERRY_TEST_SEED"] ?? Date.now() % 1_000_000);
    const random = createSimRandom(seed);
    const acknowledged = new Set<number>();
    let first = 0;
    let idle = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const options = { driver, path, first, count: 0, writers: 1 + random.below(8), keepRevisions: KEEP_REVISIONS };
      const child = spawnWriter({ ...options, valueBytes: 100 });
      const report = reportOf(child);
      // From the first byte on in one round of four, else while it writes.
      if (!random.chance(0.25))
        await Promise.race([new Promise((resolve) => child.stdout?.once("data", resolve)), report]);
      await sleep(random.below(150));
      child.kill("SIGKILL");
      const { acknowledged: numbers, errors } = await report;
      if (errors !== "") throw new Error(`round ${round}, seed ${seed}: ${errors}`);
      for (const number of numbers) acknowledged.add(number);
      if (numbers.length === 0) idle++;
      first = Math.max(first, ...numbers) + 1000;
      // All of them now and then, else what this round wrote.
      await using store = await openStore(driver, path, KEEP_REVISIONS);
      await assertAllThere(store, round % 10 === 9 || round === ROUNDS - 1 ? acknowledged : numbers, 100);
    }
    t.diagnostic(
      `${driver}: ${ROUNDS} kills (${idle} before a write), ${acknowledged.size} acknowledged, seed ${seed}`,
    );
    if (acknowledged.size === 0) throw new Error("no kill fell into a write");
  });
}
