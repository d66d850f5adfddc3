/** The log's driver on this side of the SQLite thread. */
import { Worker } from "node:worker_threads";
import { type LogDriver, type LogHeader, type LogLine, LogLost } from "../../log.ts";
import { type FreshLog, type OpenedLog, type SqliteAnswer, type SqliteCall, unpackError } from "./protocol.ts";

/** The compiler rewrites imports, not URLs, so the compiled name is chosen here. */
const THREAD = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

/** Parts of a snapshot in one message. */
const PARTS_PER_CALL = 16;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class SqliteLog implements LogDriver {
  readonly name = "sqlite";
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  #closing = false;
  #gone: Error | undefined;
  #listener: ((error: Error) => void) | undefined;

  private constructor() {
    this.#worker = new Worker(THREAD, { name: "skerry-store" });
    this.#worker.unref();
    this.#worker.on("message", (answer: SqliteAnswer) => this.#settle(answer));
    this.#worker.on("error", (error: Error) => this.#fail(error));
    this.#worker.on("exit", (status) => this.#fail(new Error(`The SQLite thread ended with status ${status}.`)));
  }

  /** Opens the database at `path`, or makes one with `fresh`. @throws as `openSqliteStore` */
  static async open(
    path: string,
    fresh: FreshLog,
    cluster: string | undefined,
  ): Promise<{ log: SqliteLog; opened: OpenedLog }> {
    const log = new SqliteLog();
    try {
      const call: SqliteCall = { call: "open", path, fresh, ...(cluster === undefined ? {} : { cluster }) };
      return { log, opened: (await log.#call(call)) as OpenedLog };
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  async append(lines: readonly LogLine[]): Promise<void> {
    await this.#call({ call: "append", lines });
  }

  async rewrite(header: LogHeader, snapshot: AsyncIterable<string>, keepFrom: number): Promise<void> {
    try {
      await this.#call({ call: "begin-rewrite" });
      let parts: string[] = [];
      for await (const part of snapshot) {
        parts.push(part);
        if (parts.length < PARTS_PER_CALL) continue;
        await this.#call({ call: "add-parts", parts });
        parts = [];
      }
      await this.#call({ call: "add-parts", parts });
      await this.#call({ call: "finish-rewrite", header, keepFrom });
    } catch (error) {
      const full = (error as { code?: unknown }).code === "SQLITE_FULL";
      const back = await this.#call({ call: "cancel-rewrite" }).catch(() => false);
      // After any other error it is unknown what the disk holds.
      throw full && back === true ? error : new LogLost(error);
    }
  }

  onFailure(listener: (error: Error) => void): void {
    this.#listener = listener;
    if (this.#gone) listener(this.#gone);
  }

  async close(): Promise<void> {
    if (this.#gone || this.#closing) return;
    this.#closing = true;
    const ended = new Promise((resolve) => this.#worker.once("exit", resolve));
    // An error here cannot lose anything: all that was acknowledged is synced.
    await this.#call({ call: "close" }).catch(() => undefined);
    await ended;
  }

  #call(call: SqliteCall): Promise<unknown> {
    if (this.#gone) return Promise.reject(this.#gone);
    const id = this.#calls++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      // Somebody waits for the answer, so the process must live until it is there.
      this.#worker.ref();
      this.#worker.postMessage({ id, ...call });
    });
  }

  #settle(answer: SqliteAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0 && !this.#closing) this.#worker.unref();
    if ("error" in answer) waiting?.reject(unpackError(answer.error));
    else waiting?.resolve(answer.value);
  }

  #fail(error: Error): void {
    if (this.#gone) return;
    this.#gone = error;
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
    if (!this.#closing) this.#listener?.(error);
  }
}
