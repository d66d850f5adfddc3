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

  test(`${driver}: a process killed at any call that makes the store leaves one that opens`, async (t) => {
    const directory = await mkdtemp(join(tmpdir(), "skerry-kill-"));
    t.after(() => rm(directory, { recursive: true, force: true }));
    const calls = driver === "nedb" ? ["write", "fsync", "rename", "fdatasync"] : ["pwrite64", "fsync", "unlink"];
    let killed = 0;
    for (const call of calls) {
      // strace counts each kind of call by itself. The last round comes to its end.
      for (let count = 1; count < 200; count += FULL ? 1 : 3) {
        const path = join(directory, `${call}-${count}.db`);
        const files = ["", "-wal", "-journal", ".new", ".new~", ".mark"].flatMap((suffix) => ["-P", path + suffix]);
        const inject = ["-e", `trace=${call}`, "-e", `inject=${call}:signal=KILL:when=${count}`, ...files];
        const options = { driver, path, first: 0, count: 2, writers: 1, keepRevisions: 100, valueBytes: 10 };
        const report = await reportOf(spawnWriter(options, ["strace", "-f", "-o", "/dev/null", ...inject]));
        await using store = await openStore(driver, path);
        await assertAllThere(store, report.acknowledged, 10);
        if (report.status === 0) break;
        killed++;
      }
    }
    if (killed < calls.length) throw new Error(`strace must be installed: only ${killed} kills`);
    t.diagnostic(`${driver}: killed at ${killed} calls`);
  });
}
