/** The one contract of all background work. A controller is a job that converges a kind. */

export interface JobContext {
  readonly signal: AbortSignal;
  /** Says what it is doing, for `status` and the job list. */
  progress(text: string): void;
}

export interface Job {
  /** `storage.repair` */
  readonly name: string;
  /** One line for people. */
  readonly summary: string;
  /** Pause between the end of a run and the start of the next; `wake` shortens it. Absent: only when woken. */
  readonly everyMs?: number;
  /** One run. Rejecting means failure: it is logged, counted and tried again with back-off. */
  run(context: JobContext): Promise<void>;
}

export interface JobStatus {
  readonly name: string;
  readonly summary: string;
  readonly state: "idle" | "running" | "backing-off" | "stopped";
  readonly runs: number;
  readonly failures: number;
  readonly progress?: string;
  readonly lastError?: string;
  readonly lastRunAt?: string;
}

export interface JobRunner extends AsyncDisposable {
  add(job: Job): void;
  /** Runs it now, or once more after the run that is under way. */
  wake(name: string): void;
  statuses(): readonly JobStatus[];
}
