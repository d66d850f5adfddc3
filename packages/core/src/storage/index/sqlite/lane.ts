/**
 * One thread and the requests that wait for it. One message is under way at a time; what comes meanwhile goes together in
 * the next, which is what makes group commits.
 */
import { Worker } from "node:worker_threads";
import { SkerryError } from "../../../domain/errors.ts";
import { indexClosed } from "../rules.ts";
import { fromWire, publicError } from "./faults.ts";
import type { FromThread, Request, ThreadOptions, ToThread } from "./messages.ts";

interface Waiting<R> {
  readonly request: R;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export interface LaneOptions<R> {
  readonly thread: ThreadOptions;
  /** Requests that wait, those under way included. Beyond: `exhausted/overload`. */
  readonly maxPending: number;
  /** How many of the requests that wait go together; at least one. */
  readonly take: (requests: readonly { readonly request: R }[]) => number;
  /** After each answer: how many requests it was for, and how long the thread worked. */
  readonly onAnswer?: (requests: number, durationMs: number) => void;
  /** Once, when the thread takes no more. */
  readonly onFailure?: (error: Error) => void;
}

/** In the published package the thread is JavaScript. */
const THREAD = new URL(import.meta.url.endsWith(".ts") ? "./thread.ts" : "./thread.js", import.meta.url);

export class Lane<R extends Request> {
  readonly #options: LaneOptions<R>;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  #waiting: Waiting<R>[] = [];
  #underWay: Waiting<R>[] = [];
  #scheduled = false;
  #closing = false;
  #reported = false;
  #failure: Error | undefined;
  #ended: Promise<void> | undefined;
  #opened: { resolve: () => void; reject: (error: Error) => void } | undefined;
  #idle: (() => void) | undefined;

  constructor(options: LaneOptions<R>) {
    this.#options = options;
    this.#worker = new Worker(THREAD, {
      workerData: options.thread,
      name: `skerry-index-${options.thread.role}`,
      // Messages are short-lived: a small nursery keeps the thread small, at no cost that could be measured.
      resourceLimits: { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 256 },
    });
    this.#worker.on("message", (message: FromThread) => this.#onMessage(message));
    this.#worker.on("error", (error) => this.#onDeath(error as Error));
    this.#exited = new Promise((resolve) => {
      this.#worker.on("exit", () => {
        this.#onDeath(new Error(`the thread ${options.thread.role} of the object index ended`));
        resolve();
      });
    });
  }

  get pending(): number {
    return this.#waiting.length + this.#underWay.length;
  }

  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(indexClosed(this.#failure));
      this.#opened = { resolve, reject };
      this.#post({ open: true });
    });
  }

  /** What `request` says must not be changed by the caller until it is answered. */
  ask(request: R): Promise<unknown> {
    if (this.#closing || this.#failure !== undefined) return Promise.reject(indexClosed(this.#failure));
    if (this.pending >= this.#options.maxPending)
      return Promise.reject(
        new SkerryError("exhausted/overload", "Too many requests wait for the object index.", { retryAfterMs: 1000 }),
      );
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      this.#schedule();
    });
  }

  /** Answers what waits, then ends the thread. */
  close(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  /** Ends the thread where it is: what waits is refused. `close` must follow. */
  kill(): void {
    this.#closing = true;
    void this.#worker.terminate(); // resolves with the exit, which `close` waits for
  }

  async #end(): Promise<void> {
    this.#closing = true;
    if (this.pending > 0 && this.#failure === undefined)
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    if (this.#failure === undefined) this.#post({ close: true });
    await this.#exited;
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  /** At the end of the turn, so that requests made together go together. */
  #schedule(): void {
    if (this.#scheduled || this.#underWay.length > 0 || this.#waiting.length === 0) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (this.#failure !== undefined) return;
      this.#underWay = this.#waiting.splice(0, Math.max(1, this.#options.take(this.#waiting)));
      try {
        this.#post({ requests: this.#underWay.map((waiting) => waiting.request) });
      } catch (error) {
        this.#refuse(this.#underWay.splice(0), publicError(error)); // something in them is not plain data
        this.#goOn();
      }
    });
  }

  #refuse(requests: readonly Waiting<R>[], error: Error): void {
    for (const { reject } of requests) reject(error);
  }

  #goOn(): void {
    this.#schedule();
    if (this.pending === 0) this.#idle?.();
  }

  #onMessage(message: FromThread): void {
    if ("opened" in message) this.#opened?.resolve();
    else if ("refused" in message) this.#opened?.reject(fromWire(message.refused));
    else this.#onAnswers(message);
  }

  #onAnswers(message: Extract<FromThread, { answers: unknown }>): void {
    const asked = this.#underWay.splice(0, message.answers.length);
    this.#waiting.unshift(...this.#underWay.splice(0)); // it stopped early: those are asked again
    for (const [at, { resolve, reject }] of asked.entries()) {
      const error = message.answers[at]?.error;
      if (error === undefined) resolve(message.answers[at]?.value);
      else reject(fromWire(error));
    }
    this.#options.onAnswer?.(asked.length, message.durationMs);
    if (message.failure !== undefined) this.#reportOnce(fromWire(message.failure));
    this.#goOn();
  }

  #reportOnce(error: Error): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#options.onFailure?.(error);
  }

  #onDeath(cause: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = cause;
    if (!this.#closing) this.#reportOnce(cause);
    this.#opened?.reject(indexClosed(cause));
    this.#refuse([...this.#underWay.splice(0), ...this.#waiting.splice(0)], indexClosed(cause));
    this.#idle?.();
  }
}
