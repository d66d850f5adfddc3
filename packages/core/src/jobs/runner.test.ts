import assert from "node:assert/strict";
import { test } from "node:test";
import { isError } from "../domain/errors.ts";
import type { Job } from "../domain/jobs.ts";
import { LIMITS } from "../domain/limits.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createSimRandom } from "../testing/sim-random.ts";
import { createCollectingLogger, createCollectingMetrics } from "../testing/sim-telemetry.ts";
import { createJobRunner } from "./runner.ts";

function world() {
  const clock = createFakeClock();
  const log = createCollectingLogger();
  const metrics = createCollectingMetrics();
  const runner = createJobRunner({ clock, log, metrics, random: createSimRandom(1) });
  const status = (name: string) => {
    const found = runner.statuses().find((one) => one.name === name);
    assert.ok(found);
    return found;
  };
  return { clock, log, metrics, runner, status };
}

function job(name: string, run: Job["run"], everyMs?: number): Job {
  return { name, summary: `${name} for the test`, run, ...(everyMs === undefined ? {} : { everyMs }) };
}

test("a job with a pause runs when added and again after each pause", async () => {
  const { clock, runner, status } = world();
  await using _ = runner;
  runner.add(job("tick", async () => undefined, 1000));
  await clock.advance(0);
  assert.equal(status("tick").runs, 1);
  await clock.advance(999);
  assert.equal(status("tick").runs, 1);
  await clock.advance(2001);
  assert.equal(status("tick").runs, 4);
  assert.equal(status("tick").state, "idle");
});

test("a job without a pause runs only when woken, and many wakes during a run are one more run", async () => {
  const { clock, runner, status } = world();
  await using _ = runner;
  let finish = (): void => undefined;
  runner.add(
    job("lazy", async ({ progress }) => {
      progress("half way");
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
    }),
  );
  await clock.advance(LIMITS.jobs.maxBackoffMs);
  assert.equal(status("lazy").runs, 0);
  runner.wake("lazy");
  await clock.advance(0);
  assert.equal(status("lazy").state, "running");
  assert.equal(status("lazy").progress, "half way");
  for (let i = 0; i < 10; i += 1) runner.wake("lazy");
  finish();
  await clock.advance(0);
  assert.equal(status("lazy").runs, 2);
  finish();
  await clock.advance(LIMITS.jobs.maxBackoffMs);
  assert.equal(status("lazy").runs, 2);
});

test("failures back off, doubling with jitter up to the limit; a wake or a success ends it", async () => {
  const { clock, log, metrics, runner, status } = world();
  await using _ = runner;
  let broken = true;
  const startsMs: number[] = [];
  runner.add(
    job(
      "flaky",
      async () => {
        startsMs.push(clock.monotonicMs());
        if (broken) throw new Error("the disk is away");
      },
      10,
    ),
  );
  await clock.advance(20 * LIMITS.jobs.maxBackoffMs);
  const pausesMs = startsMs.slice(1).map((at, i) => at - (startsMs[i] ?? 0));
  pausesMs.forEach((pauseMs, i) => {
    const wholeMs = Math.min(LIMITS.jobs.maxBackoffMs, LIMITS.jobs.minBackoffMs * 2 ** i);
    assert.ok(pauseMs >= wholeMs / 2 && pauseMs <= wholeMs, `pause ${i} was ${pauseMs} ms`);
  });
  assert.ok(pausesMs.length > 12);
  assert.equal(status("flaky").state, "backing-off");
  assert.equal(status("flaky").lastError, "the disk is away");
  assert.equal(log.lines.filter((line) => line.level === "warn").length, startsMs.length);
  broken = false;
  runner.wake("flaky");
  await clock.advance(0);
  assert.equal(status("flaky").state, "idle");
  assert.equal(status("flaky").lastError, undefined);
  assert.equal(status("flaky").failures, startsMs.length - 1);
  assert.equal(metrics.value("skerry_job_runs_total"), startsMs.length);
});

test("a job that throws before its first await is a failure like any other", async () => {
  const { clock, runner, status } = world();
  await using _ = runner;
  runner.add(
    job(
      "thrower",
      () => {
        throw new Error("at once");
      },
      1000,
    ),
  );
  await clock.advance(0);
  assert.equal(status("thrower").state, "backing-off");
});

test("disposing aborts the runs and waits for them", async () => {
  const { clock, log, runner, status } = world();
  let cleaned = false;
  runner.add(
    job(
      "long",
      async ({ signal }) => {
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        cleaned = true;
        throw signal.reason;
      },
      1000,
    ),
  );
  runner.add(job("sleeping", async () => undefined));
  await clock.advance(0);
  await runner[Symbol.asyncDispose]();
  assert.equal(cleaned, true);
  assert.equal(status("long").state, "stopped");
  assert.equal(status("sleeping").state, "stopped");
  assert.equal(log.lines.length, 0);
  assert.equal(clock.sleepers, 0);
  assert.throws(
    () => runner.add(job("late", async () => undefined)),
    (error) => isError(error, "unavailable/closed"),
  );
});

test("a job that ignores its signal is given up after the limit and named", async () => {
  const { clock, log, runner } = world();
  runner.add(job("deaf", () => new Promise(() => undefined), 1000));
  await clock.advance(0);
  const disposed = runner[Symbol.asyncDispose]();
  await clock.advance(LIMITS.jobs.stopMs);
  await disposed;
  assert.deepEqual(log.lines.at(-1)?.fields, { jobs: ["deaf"] });
});

test("unknown and repeated names are refused", async () => {
  const { runner } = world();
  await using _ = runner;
  runner.add(job("once", async () => undefined));
  assert.throws(
    () => runner.add(job("once", async () => undefined)),
    (error) => isError(error, "conflict/exists"),
  );
  assert.throws(
    () => runner.wake("nobody"),
    (error) => isError(error, "not_found"),
  );
});
