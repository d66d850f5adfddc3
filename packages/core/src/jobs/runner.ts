/**
 * Runs every background job: after a success again when its pause is over, after a failure with a growing, jittered
 * pause, at once when woken. One run of a job at a time.
 */
import { SkerryError } from "../domain/errors.ts";
import type { Job, JobRunner, JobStatus } from "../domain/jobs.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock, Random } from "../domain/ports.ts";
import type { Logger, Metrics } from "../domain/telemetry.ts";

export interface JobRunnerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly random: Random;
}

interface Entry {
  readonly job: Job;
  state: JobStatus["state"];
  runs: number;
  failures: number;
  /** Failures since the last success. */
  streak: number;
  progress: string | undefined;
  lastError: string | undefined;
  lastRunAt: string | undefined;
  /** A wake that no run has answered yet. Many are one. */
  woken: boolean;
  /** Ends the pause. */
  wakeUp: () => void;
  done: Promise<void>;
}

const DURATION_BUCKETS_S = [0.01, 0.1, 1, 10, 60, 600];

/**
 * A runner without jobs. A job with `everyMs` runs as soon as it is added, one without waits to be woken. A wake ends any
 * pause, also that of the back-off. Disposing aborts the runs and waits for them, at most `LIMITS.jobs.stopMs`.
 */
export function createJobRunner({ clock, log, metrics, random }: JobRunnerOptions): JobRunner {
  const entries = new Map<string, Entry>();
  const stop = new AbortController();
  const countRun = metrics.counter("skerry_job_runs_total", "Runs of background jobs.", ["job", "outcome"]);
  const observeRun = metrics.histogram(
    "skerry_job_duration_seconds",
    "How long runs of jobs take.",
    DURATION_BUCKETS_S,
    ["job"],
  );

  /** Waits for a wake, for the end of the pause, or for the stop. `undefined`: only a wake ends it. */
  async function pause(entry: Entry, ms: number | undefined): Promise<void> {
    if (entry.woken || stop.signal.aborted) return;
    const wake = new AbortController();
    const woken = new Promise<void>((resolve) => {
      entry.wakeUp = () => {
        wake.abort();
        resolve();
      };
    });
    // The sleep rejects when a wake cuts it short, which is no failure.
    const slept = ms === undefined ? [] : [clock.sleep(ms, wake.signal).catch(() => undefined)];
    await Promise.race([woken, ...slept]);
  }

  async function runOnce(entry: Entry): Promise<void> {
    const { job } = entry;
    entry.woken = false;
    entry.state = "running";
    entry.progress = undefined;
    entry.lastRunAt = new Date(clock.wallMs()).toISOString();
    entry.runs += 1;
    const startedMs = clock.monotonicMs();
    try {
      await job.run({
        signal: stop.signal,
        progress: (text) => {
          entry.progress = text;
        },
      });
      entry.streak = 0;
      entry.lastError = undefined;
      countRun(1, { job: job.name, outcome: "success" });
    } catch (error) {
      if (stop.signal.aborted) return;
      entry.failures += 1;
      entry.streak += 1;
      entry.lastError = error instanceof Error ? error.message : String(error);
      countRun(1, { job: job.name, outcome: "failure" });
      log.warn({ job: job.name, failures: entry.streak, error }, "a job failed and is tried again");
    } finally {
      observeRun((clock.monotonicMs() - startedMs) / 1000, { job: job.name });
    }
  }

  async function loop(entry: Entry): Promise<void> {
    let pauseMs = entry.job.everyMs === undefined ? undefined : 0;
    while (!stop.signal.aborted) {
      await pause(entry, pauseMs);
      if (stop.signal.aborted) break;
      await runOnce(entry);
      entry.state = entry.streak > 0 ? "backing-off" : "idle";
      pauseMs = entry.streak > 0 ? backoffMs(entry.streak, random) : entry.job.everyMs;
    }
    entry.state = "stopped";
  }

  return {
    add(job) {
      if (entries.has(job.name)) throw new SkerryError("conflict/exists", `There is a job ${job.name} already.`);
      if (stop.signal.aborted) throw new SkerryError("unavailable/closed", "The job runner has stopped.");
      const entry: Entry = {
        job,
        state: "idle",
        runs: 0,
        failures: 0,
        streak: 0,
        progress: undefined,
        lastError: undefined,
        lastRunAt: undefined,
        woken: false,
        wakeUp: () => undefined,
        done: Promise.resolve(),
      };
      entries.set(job.name, entry);
      entry.done = loop(entry);
    },

    wake(name) {
      const entry = entries.get(name);
      if (entry === undefined) throw new SkerryError("not_found", `There is no job ${name}.`);
      entry.woken = true;
      entry.wakeUp();
    },

    statuses: () => [...entries.values()].map(toStatus),

    async [Symbol.asyncDispose]() {
      stop.abort(new SkerryError("unavailable/closed", "The job runner stops."));
      for (const entry of entries.values()) entry.wakeUp();
      const timeout = new AbortController();
      const stopped = Promise.all([...entries.values()].map((entry) => entry.done));
      const late = clock.sleep(LIMITS.jobs.stopMs, timeout.signal).catch(() => undefined);
      await Promise.race([stopped, late]);
      timeout.abort();
      const running = [...entries.values()].filter((entry) => entry.state === "running");
      if (running.length > 0) log.error({ jobs: running.map((entry) => entry.job.name) }, "jobs did not stop in time");
    },
  };
}

/** Doubles with each failure up to the limit; half of it is random, so that jobs do not march in step. */
function backoffMs(streak: number, random: Random): number {
  const { minBackoffMs, maxBackoffMs } = LIMITS.jobs;
  const wholeMs = Math.min(maxBackoffMs, minBackoffMs * 2 ** Math.min(streak - 1, 30));
  return wholeMs * (0.5 + random.fraction() / 2);
}

function toStatus(entry: Entry): JobStatus {
  const { job, state, runs, failures, progress, lastError, lastRunAt } = entry;
  return {
    name: job.name,
    summary: job.summary,
    state,
    runs,
    failures,
    ...(progress === undefined ? {} : { progress }),
    ...(lastError === undefined ? {} : { lastError }),
    ...(lastRunAt === undefined ? {} : { lastRunAt }),
  };
}
