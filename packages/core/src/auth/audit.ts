/**
 * Who did what: one line of JSON for each mutation, written before the answer and synced within a second; denials too,
 * bounded in rate, with the number of those left out. A mutation that cannot be recorded is refused.
 */
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock, Disk } from "../domain/ports.ts";
import type { Logger, Metrics } from "../domain/telemetry.ts";
import { AuditFile } from "./audit-file.ts";
import { redactSecrets } from "./secrets.ts";

export interface AuditActor {
  readonly uid: string;
  readonly name: string;
  /** `token/NAME` or `session/UID`: never the secret. */
  readonly credential?: string;
}

export interface AuditEvent {
  readonly requestId?: string;
  readonly actor: AuditActor;
  /** Id of the route. */
  readonly action: string;
  /** e.g. `bucket/photos`. */
  readonly target?: string;
  readonly outcome: "ok" | "denied" | "failed";
  /** Of the error: `conflict/exists`. */
  readonly code?: string;
  readonly ip?: string;
}

/** A line as it is read. `count`: denials left out in the second before (action `audit.suppressed`). */
export type AuditRecord = AuditEvent & { readonly v: 1; readonly time: string; readonly count?: number };

export interface Audit extends AsyncDisposable {
  /** Before a mutation. Mends the log when it can. @throws `unavailable` when it cannot be written. */
  assertWritable(): Promise<void>;
  /**
   * After a mutation, before its answer. In the file when it resolves, synced within `LIMITS.auth.auditSyncMs`.
   * @throws `unavailable` when it cannot be written, `exhausted/overload` when too many wait.
   */
  record(event: AuditEvent): Promise<void>;
  /** Of a request that was refused. Beyond `LIMITS.auth.maxAuditDenialsPerSecond` only counted. Never throws. */
  denied(event: AuditEvent): void;
  /** The newest records, newest first. At most `LIMITS.auth.maxAuditTail`. */
  readTail(limit: number): Promise<readonly AuditRecord[]>;
}

export interface AuditOptions {
  readonly disk: Disk;
  /** Made when it is not there. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Told of each record when it is in the file. Must not throw. */
  readonly onRecord?: (record: AuditRecord) => void;
  /** Tests: smaller files. */
  readonly maxFileBytes?: number;
  readonly maxFiles?: number;
}

interface Pending {
  readonly line: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const SYSTEM: AuditActor = { uid: "system", name: "system" };
const RETRY_MS = LIMITS.auth.auditSyncMs;
const MAX_FIELD_LENGTH = 128;

/** JSON escapes C0; what else a terminal or a line reader would act on is escaped here. */
function lineOf(record: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(record).replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
  return `${text}\n`;
}

function short(text: string | undefined, length = MAX_FIELD_LENGTH): string | undefined {
  if (text === undefined) return undefined;
  const clean = redactSecrets(text);
  return clean.length <= length ? clean : `${clean.slice(0, length)}...`;
}

/** One line with only what `AuditEvent` names, without secrets, at most `LIMITS.auth.maxAuditLineBytes`. */
export function formatAudit(event: AuditEvent, wallMs: number, count?: number): string {
  for (let targetLength = 2048; ; targetLength = Math.floor(targetLength / 2)) {
    const line = lineOf({
      v: 1,
      time: new Date(wallMs).toISOString(),
      requestId: short(event.requestId),
      actor: {
        uid: short(event.actor.uid),
        name: short(event.actor.name),
        credential: short(event.actor.credential),
      },
      action: short(event.action),
      target: short(event.target, targetLength),
      outcome: event.outcome,
      code: short(event.code),
      ip: short(event.ip),
      count,
    });
    if (Buffer.byteLength(line) <= LIMITS.auth.maxAuditLineBytes || targetLength === 0) return line;
  }
}

class FileAudit implements Audit {
  readonly #file: AuditFile;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #onRecord: ((record: AuditRecord) => void) | undefined;
  readonly #countLine: (amount?: number, labels?: Record<string, string>) => void;
  readonly #countFailure: (amount?: number) => void;
  readonly #stop = new AbortController();
  #pending: Pending[] = [];
  #writing: Promise<void> | undefined;
  #mending: Promise<void> | undefined;
  #failedAtMs: number | undefined;
  #ticking: Promise<void> | undefined;
  #windowMs = Number.NEGATIVE_INFINITY;
  #denials = 0;
  #suppressed = 0;

  constructor(options: AuditOptions, file: AuditFile) {
    this.#file = file;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#onRecord = options.onRecord;
    const { metrics } = options;
    this.#countLine = metrics.counter("skerry_auth_audit_lines_total", "Audit records by fate.", ["fate"]);
    this.#countFailure = metrics.counter("skerry_auth_audit_failures_total", "Failed writes of the audit log.");
    metrics.gauge("skerry_auth_audit_pending", "Audit lines that wait to be written.", () => this.#pending.length);
  }

  async assertWritable(): Promise<void> {
    if (this.#stop.signal.aborted) throw this.#unavailable();
    if (this.#failedAtMs === undefined) return;
    if (this.#mending === undefined && this.#clock.monotonicMs() - this.#failedAtMs < RETRY_MS)
      throw this.#unavailable();
    this.#mending ??= this.#mend().finally(() => {
      this.#mending = undefined;
    });
    await this.#mending;
    if (this.#failedAtMs !== undefined) throw this.#unavailable();
  }

  async record(event: AuditEvent): Promise<void> {
    await this.assertWritable();
    if (this.#pending.length >= LIMITS.auth.maxAuditPending) {
      throw new SkerryError("exhausted/overload", "Too many records wait for the audit log.", {
        retryAfterMs: RETRY_MS,
      });
    }
    await this.#enqueue(formatAudit(event, this.#clock.wallMs()));
    this.#countLine(1, { fate: "written" });
  }

  denied(event: AuditEvent): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#windowMs >= 1000) {
      this.#windowMs = nowMs;
      this.#denials = 0;
    }
    this.#denials += 1;
    if (this.#denials > LIMITS.auth.maxAuditDenialsPerSecond) this.#suppress();
    else this.record(event).catch(() => this.#suppress());
  }

  async readTail(limit: number): Promise<readonly AuditRecord[]> {
    await this.#writing;
    const lines = await this.#file.tail(Math.max(1, Math.min(limit, LIMITS.auth.maxAuditTail)));
    return lines.flatMap((line) => {
      try {
        return [JSON.parse(line) as AuditRecord];
      } catch {
        // A line torn by a power cut says nothing; the others do.
        return [];
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#ticking;
    await this.#writing;
    try {
      if (this.#failedAtMs === undefined) await this.#flush();
    } finally {
      await this.#file.close();
    }
  }

  #unavailable(): SkerryError {
    return new SkerryError("unavailable", "The audit log cannot be written, so nothing may be changed.", {
      hint: "See the daemon's log for the reason, e.g. a full disk. It is tried again every second.",
      retryAfterMs: RETRY_MS,
    });
  }

  #suppress(): void {
    this.#suppressed += 1;
    this.#countLine(1, { fate: "suppressed" });
    this.#tick();
  }

  /** What `#flush` adds, one line in a second, needs no bound: a full queue is no broken log. */
  #enqueue(line: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#pending.push({ line, resolve, reject });
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    return promise;
  }

  /** Writes what waits, all in one, until nothing does. Never rejects. */
  async #write(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      try {
        if (this.#failedAtMs !== undefined) throw this.#unavailable();
        await this.#file.append(batch.map(({ line }) => line).join(""));
        for (const { line, resolve } of batch) {
          this.#tell(line);
          resolve();
        }
        this.#tick();
      } catch (error) {
        this.#fail(error);
        for (const { reject } of batch) reject(this.#unavailable());
      }
    }
  }

  /** As a reader would find it in the file. */
  #tell(line: string): void {
    this.#onRecord?.(JSON.parse(line) as AuditRecord);
  }

  #fail(error: unknown): void {
    if (this.#failedAtMs !== undefined) return;
    this.#failedAtMs = this.#clock.monotonicMs();
    this.#countFailure(1);
    this.#log.error({ error }, "audit: the log cannot be written; mutations are refused");
  }

  /** Opens the file again and says in it that something may be missing. Never rejects. */
  async #mend(): Promise<void> {
    await this.#writing;
    try {
      await this.#file.open();
      const gap = formatAudit({ actor: SYSTEM, action: "audit.gap", outcome: "failed" }, this.#clock.wallMs());
      await this.#file.append(gap);
      await this.#file.sync();
      this.#tell(gap);
      this.#failedAtMs = undefined;
      this.#log.info({}, "audit: the log can be written again");
    } catch {
      this.#failedAtMs = this.#clock.monotonicMs();
    }
  }

  /** Starts the second after which everything is synced, unless it has begun. */
  #tick(): void {
    if (this.#stop.signal.aborted) return;
    this.#ticking ??= this.#clock
      .sleep(LIMITS.auth.auditSyncMs, this.#stop.signal)
      .catch(() => undefined)
      .then(async () => {
        this.#ticking = undefined;
        if (!this.#stop.signal.aborted && this.#failedAtMs === undefined) await this.#flush();
      });
  }

  /** Never rejects. */
  async #flush(): Promise<void> {
    // Taken at once: another flush may begin before this one is written.
    const count = this.#suppressed;
    this.#suppressed = 0;
    try {
      if (count > 0) {
        const event: AuditEvent = { actor: SYSTEM, action: "audit.suppressed", outcome: "denied" };
        await this.#enqueue(formatAudit(event, this.#clock.wallMs(), count)).catch((error: unknown) => {
          this.#suppressed += count;
          throw error;
        });
      }
      await this.#file.sync();
    } catch (error) {
      this.#fail(error);
    }
  }
}

/** Opens the audit log; a torn last line is cut. @throws what the disk throws. */
export async function createAudit(options: AuditOptions): Promise<Audit> {
  const { disk, directory, maxFileBytes, maxFiles } = options;
  const file = new AuditFile({
    disk,
    directory,
    ...(maxFileBytes === undefined ? {} : { maxBytes: maxFileBytes }),
    ...(maxFiles === undefined ? {} : { maxFiles }),
  });
  await file.open();
  return new FileAudit(options, file);
}
