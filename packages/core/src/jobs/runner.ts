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
  /** Told when the state of a job changes, and now and then what a run says of its progress. Must not throw. */
  readonly onChange?: (status: JobStatus) => void;
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
  /** When its progress was told last (monotonic). */
  toldMs: number;
  /** Ends the pause. */
  wakeUp: () => void;
  done: Promise<void>;
}

const DURATION_BUCKETS_S = [0.01, 0.1, 1, 10, 60, 600];

/**
 * A runner without jobs. A job with `everyMs` runs as soon as it is added, one without waits to be woken. A wake ends any
 * pause, also that of the back-off. Disposing aborts the runs and waits for them, at most `LIMITS.jobs.stopMs`.
 */
export function createJobRunner(options: JobRunnerOptions): JobRunner {
  return new Runner(options);
}

class Runner implements JobRunner {
  readonly #options: JobRunnerOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #stop = new AbortController();
  readonly #countRun: ReturnType<Metrics["counter"]>;
  readonly #observeRun: ReturnType<Metrics["histogram"]>;

  constructor(options: JobRunnerOptions) {
    this.#options = options;
    const { metrics } = options;
    this.#countRun = metrics.counter("skerry_job_runs_total", "Runs of background jobs.", ["job", "outcome"]);
    const help = "How long runs of jobs take.";
    this.#observeRun = metrics.histogram("skerry_job_duration_seconds", help, DURATION_BUCKETS_S, ["job"]);
  }

  add(job: Job): void {
    if (this.#entries.has(job.name)) throw new SkerryError("conflict/exists", `There is a job ${job.name} already.`);
    if (this.#stop.signal.aborted) throw new SkerryError("unavailable/closed", "The job runner has stopped.");
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
      toldMs: Number.NEGATIVE_INFINITY,
      wakeUp: () => undefined,
      done: Promise.resolve(),
    };
    this.#entries.set(job.name, entry);
    this.#tell(entry);
    entry.done = this.#loop(entry);
  }

  wake(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new SkerryError("not_found", `There is no job ${name}.`);
    entry.woken = true;
    entry.wakeUp();
  }

  statuses(): readonly JobStatus[] {
    return [...this.#entries.values()].map(toStatus);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { clock, log } = this.#options;
    const entries = [...this.#entries.values()];
    this.#stop.abort(new SkerryError("unavailable/closed", "The job runner stops."));
    for (const entry of entries) entry.wakeUp();
    const timeout = new AbortController();
    const stopped = Promise.all(entries.map((entry) => entry.done));
    const late = clock.sleep(LIMITS.jobs.stopMs, timeout.signal).catch(() => undefined);
    await Promise.race([stopped, late]);
    timeout.abort();
    const running = entries.filter((entry) => entry.state === "running");
    if (running.length > 0) log.error({ jobs: running.map((entry) => entry.job.name) }, "jobs did not stop in time");
  }

  async #loop(entry: Entry): Promise<void> {
    const { random } = this.#options;
    let pauseMs = entry.job.everyMs === undefined ? undefined : 0;
    while (!this.#stop.signal.aborted) {
      await this.#pause(entry, pauseMs);
      if (this.#stop.signal.aborted) break;
      await this.#runOnce(entry);
      entry.state = entry.streak > 0 ? "backing-off" : "idle";
      this.#tell(entry);
      pauseMs = entry.streak > 0 ? backoffMs(entry.streak, random) : entry.job.everyMs;
    }
    entry.state = "stopped";
    this.#tell(entry);
  }

  #tell(entry: Entry): void {
    this.#options.onChange?.(toStatus(entry));
  }

  /** Waits for a wake, for the end of the pause, or for the stop. `undefined`: only a wake ends it. */
  async #pause(entry: Entry, ms: number | undefined): Promise<void> {
    if (entry.woken || this.#stop.signal.aborted) return;
    const wake = new AbortController();
    const woken = new Promise<void>((resolve) => {
      entry.wakeUp = () => {
        wake.abort();
        resolve();
      };
    });
    // The sleep rejects when a wake cuts it short, which is no failure.
    const slept = ms === undefined ? [] : [this.#options.clock.sleep(ms, wake.signal).catch(() => undefined)];
    await Promise.race([woken, ...slept]);
  }

  async #runOnce(entry: Entry): Promise<void> {
    const { clock, log } = this.#options;
    const { job } = entry;
    entry.woken = false;
    entry.state = "running";
    entry.progress = undefined;
    entry.lastRunAt = new Date(clock.wallMs()).toISOString();
    entry.runs += 1;
    const startedMs = clock.monotonicMs();
    this.#tell(entry);
    const progress = (text: string): void => {
      entry.progress = text;
      const nowMs = clock.monotonicMs();
      if (nowMs - entry.toldMs < LIMITS.jobs.progressMs) return;
      entry.toldMs = nowMs;
      this.#tell(entry);
    };
    try {
      await job.run({ signal: this.#stop.signal, progress });
      entry.streak = 0;
      entry.lastError = undefined;
      this.#countRun(1, { job: job.name, outcome: "success" });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      entry.failures += 1;
      entry.streak += 1;
      entry.lastError = error instanceof Error ? error.message : String(error);
      this.#countRun(1, { job: job.name, outcome: "failure" });
      log.warn({ job: job.name, failures: entry.streak, error }, "a job failed and is tried again");
    } finally {
      this.#observeRun((clock.monotonicMs() - startedMs) / 1000, { job: job.name });
    }
  }
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
