/**
 * The ports of routes below HTTP: which the workers are to listen on, and why one cannot be had. Workers share a port with
 * whoever asks to, so it is looked first whether another program has it; one that cannot be had is tried again.
 */
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { Clock } from "@skerry/core/domain/ports.ts";
import type { Logger } from "@skerry/core/domain/telemetry.ts";
import { isTaken } from "./ports.ts";

export interface L4PortsOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** The address of all of them. */
  readonly host: string;
  /** Those that routes name, `tcp/5432`. */
  readonly wanted: () => ReadonlySet<string>;
  /** All that are to be listened on from now on. */
  readonly publish: (ports: readonly string[]) => void;
  /** Tests: another. */
  readonly retryPortMs?: number;
}

const TOO_MANY = "TOO_MANY";

export class L4Ports implements AsyncDisposable {
  readonly #options: L4PortsOptions;
  readonly #held = new Set<string>();
  /** Port -> the code of what is in the way. */
  readonly #blocked = new Map<string, string>();
  readonly #stop = new AbortController();
  /** Never rejects: a change that could not be settled must not keep those after it. */
  #settling: Promise<void> = Promise.resolve();
  /** The last change was not settled, or not told, to its end. */
  #isBehind = false;
  #isRetrying = false;
  #retries: Promise<void> = Promise.resolve();

  constructor(options: L4PortsOptions) {
    this.#options = options;
  }

  get held(): readonly string[] {
    return [...this.#held];
  }

  /** Before the workers start: those of a daemon that was just killed have still to notice. */
  async start(): Promise<void> {
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + LIMITS.gateway.freePortMs;
    for (;;) {
      await this.update();
      if (![...this.#blocked.values()].includes("EADDRINUSE") || clock.monotonicMs() > deadlineMs) return;
      await clock.sleep(50);
    }
  }

  /** Routes have changed. Resolves when it is decided which ports are listened on. */
  update(): Promise<void> {
    this.#settling = this.#settling
      .then(() => this.#settle())
      .catch((error: unknown) => this.#fallBehind(error))
      .then(() => this.#retryLater());
    return this.#settling;
  }

  /** Resolves when all changes so far are decided. */
  settled(): Promise<void> {
    return this.#settling;
  }

  /** A worker could not listen on it after all. */
  failed(port: string, code: string): void {
    if (!this.#held.delete(port)) return;
    this.#blocked.set(port, code);
    try {
      this.#options.publish(this.held);
    } catch (error) {
      this.#fallBehind(error);
    }
    this.#retryLater();
  }

  #fallBehind(error: unknown): void {
    this.#isBehind = true;
    this.#options.log.error({ error }, "gateway: the ports of routes could not be settled; it is tried again");
  }

  /** Why nothing listens there, for people; undefined: something does. */
  problemOf(port: string): string | undefined {
    const code = this.#blocked.get(port);
    if (code === undefined) return this.#held.has(port) ? undefined : "it is not in force yet";
    if (code === "EADDRINUSE") return `another program uses the port ${port}; it is tried again`;
    if (code === "EACCES") return `the system forbids the port ${port}: those below 1024 need root`;
    if (code === TOO_MANY) return `the gateway listens on ${LIMITS.l4.maxPorts} ports already, the most that it may`;
    return `the port ${port} cannot be listened on (${code}); it is tried again`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#settling;
    await this.#retries;
  }

  async #settle(): Promise<void> {
    const { host, wanted, publish, log } = this.#options;
    const wants = wanted();
    let isChanged = this.#isBehind;
    // Until it is told; it may be that it fails again.
    this.#isBehind = true;
    for (const port of this.#held) {
      if (!wants.has(port)) isChanged = this.#held.delete(port) || isChanged;
    }
    for (const port of this.#blocked.keys()) if (!wants.has(port)) this.#blocked.delete(port);
    for (const port of wants) {
      if (this.#held.has(port)) continue;
      const code = this.#held.size >= LIMITS.l4.maxPorts ? TOO_MANY : await isTaken(host, port).catch(codeOf);
      if (code === undefined) {
        this.#held.add(port);
        this.#blocked.delete(port);
        isChanged = true;
      } else {
        if (this.#blocked.get(port) !== code) log.warn({ port, code }, "gateway: a port of a route cannot be had");
        this.#blocked.set(port, code);
      }
    }
    if (isChanged) publish(this.held);
    this.#isBehind = false;
  }

  #retryLater(): void {
    if (this.#isRetrying || this.#stop.signal.aborted || (this.#blocked.size === 0 && !this.#isBehind)) return;
    this.#isRetrying = true;
    const { clock, retryPortMs = LIMITS.l4.retryPortMs } = this.#options;
    this.#retries = clock.sleep(retryPortMs, this.#stop.signal).then(
      () => {
        this.#isRetrying = false;
        void this.update();
      },
      () => undefined,
    );
  }
}

/** Of what even looking has failed with. */
function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "unknown";
}
