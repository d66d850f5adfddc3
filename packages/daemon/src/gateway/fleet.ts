/**
 * The gateway's worker processes: starts them, keeps all on the newest generation of the routing table, replaces one that
 * died or lags. Each binds the same ports itself (SO_REUSEPORT) and ends when its control pipe closes.
 */
import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { emptyCommonFiles } from "@skerry/core/gateway/actions/cache/between-workers/common-files.ts";
import type { FromWorker, GivenCertificate, ToWorker } from "@skerry/core/gateway/control.ts";
import { emptyStats, type ProxyStats } from "@skerry/core/gateway/proxy/records.ts";
import type { TableChange } from "@skerry/core/gateway/table-change.ts";
import type { FleetLimits, FleetOptions } from "./fleet-options.ts";
import { RefusedRoutes } from "./fleet-refused.ts";
import { assertFree, portError } from "./ports.ts";
import { TrafficCounts } from "./traffic-counts.ts";
import { accessLogFor, cacheFor, exited, send, sendIfItReads } from "./worker-process.ts";

const { activateMs, lagMs, startMs } = LIMITS.gateway;
const TICKET_SECRET_BYTES = 32;
const RATE_SECRET_BYTES = 8;
/** In the published package the worker is JavaScript. */
const WORKER = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

interface Member {
  /** The lowest number that no other has: who takes a place over goes on with its files. */
  readonly slot: number;
  readonly child: ChildProcess;
  /** The newest generation that it runs; -1 before the first. */
  running: number;
  readonly startedMs: number;
  /** It has listened: when it ends, another takes its place. */
  hasServed: boolean;
  /** Questions since it last said something. */
  unanswered: number;
  /** What it has last told of itself. */
  stats: ProxyStats;
  /** @see sendIfItReads */
  unsent: number;
}

export class Fleet implements AsyncDisposable {
  readonly #options: FleetOptions;
  readonly #members = new Set<Member>();
  readonly #waiters = new Set<() => void>();
  readonly #stop = new AbortController();
  readonly #restarts = new Set<Promise<void>>();
  #generation = 0;
  /** Changes after which certificates were asked for anew. */
  #forgotten = 0;
  #ports: { http: number; https: number };
  readonly #limits: FleetLimits;
  readonly #rateSecret = randomBytes(RATE_SECRET_BYTES).toString("base64");
  readonly #ticketSecret = randomBytes(TICKET_SECRET_BYTES).toString("base64");
  #restartMs: number;
  /** When and how workers ended that should not have; the oldest first. */
  readonly #ends: { readonly atMs: number; readonly how: string }[] = [];
  readonly #countRestart: (amount?: number) => void;
  readonly #counts: TrafficCounts;
  readonly #refused = new RefusedRoutes();

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS.gateway, ...options.limits };
    this.#restartMs = this.#limits.minRestartMs;
    this.#ports = { http: options.http.port, https: options.https.port };
    const { metrics } = options;
    this.#countRestart = metrics.counter("skerry_gateway_worker_restarts_total", "Workers that were replaced.");
    this.#counts = new TrafficCounts(metrics, () => [...this.#members].map(({ stats }) => stats));
    metrics.gauge("skerry_gateway_workers", "Workers that run the newest routing table.", () => this.#current);
    metrics.gauge("skerry_gateway_generation", "Generation of the routing table.", () => this.#generation);
  }

  get httpPort(): number {
    return this.#ports.http;
  }

  get httpsPort(): number {
    return this.#ports.https;
  }

  /** What is not as it should be, in sentences. */
  problems(): readonly string[] {
    const { clock, workers } = this.#options;
    const problems: string[] = [...this.#refused.problems()];
    const serving = [...this.#members].filter(({ hasServed }) => hasServed).length;
    if (serving < workers) {
      problems.push(`${serving} of ${workers} gateway workers serve; the others are being started again.`);
    }
    const sinceMs = clock.monotonicMs() - this.#limits.tellEndsMs;
    const ends = this.#ends.filter(({ atMs }) => atMs >= sinceMs);
    if (ends.length >= this.#limits.tellEndsFrom) {
      const minutes = Math.round(this.#limits.tellEndsMs / 60_000);
      problems.push(
        `Gateway workers ended ${ends.length} times in the last ${minutes} minutes and were replaced, last by ${ends.at(-1)?.how}; the daemon's log says more.`,
      );
    }
    return problems;
  }

  /** Of the worker processes. */
  get pids(): readonly number[] {
    return [...this.#members].flatMap(({ child }) => child.pid ?? []);
  }

  get #current(): number {
    return [...this.#members].filter(({ running }) => running >= this.#generation).length;
  }

  /** Resolves when all workers serve. @throws `unavailable`, `forbidden` when a port cannot be had. */
  async start(): Promise<void> {
    const { http, https } = this.#options;
    await assertFree("HTTP", "--listen-http", http, this.#options.clock);
    await assertFree("HTTPS", "--listen-https", https, this.#options.clock);
    if (this.#options.cacheDirectory !== undefined) await emptyCommonFiles(this.#options.cacheDirectory);
    // The first one finds out which ports "any free one" is.
    for (let n = 0; n < this.#options.workers; n++) await this.#launch();
    void this.#watch();
  }

  /** Asks the workers now and then whether they still work: one that hangs takes connections and answers none. */
  async #watch(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stop;
    for (;;) {
      await clock.sleep(this.#limits.pingMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      for (const member of this.#members) {
        if (!member.hasServed) continue;
        if (member.unanswered++ < this.#limits.maxUnanswered) send(member.child, { type: "ping" });
        else {
          log.error({ worker: member.child.pid }, "a gateway worker does not answer and is replaced");
          member.child.kill("SIGKILL");
        }
      }
    }
  }

  /** Tells all workers. Gives the generation. */
  publish(change: TableChange & Pick<Extract<ToWorker, { type: "delta" }>, "ports" | "purge">): number {
    this.#generation++;
    if (change.forget !== undefined) this.#forgotten++;
    this.#refused.forget(change.put, change.remove);
    const message: ToWorker = { type: "delta", generation: this.#generation, ...change };
    for (const member of this.#members) send(member.child, message); // one that is starting has its snapshot first
    const serving = [...this.#members].filter(({ running }) => running >= 0);
    if (serving.length > 0) void this.#replaceLaggards(serving, this.#generation);
    return this.#generation;
  }

  /**
   * Resolves when every live worker runs what has been published. @throws `unavailable/timeout`, `internal` (one cannot, and
   * goes on with what it had).
   */
  async activated(): Promise<void> {
    const generation = this.#generation;
    const done = new AbortController();
    const check = () => {
      if ([...this.#members].every(({ running }) => running >= generation)) done.abort();
    };
    this.#waiters.add(check);
    check();
    try {
      await this.#options.clock.sleep(activateMs, done.signal).catch(() => undefined);
    } finally {
      this.#waiters.delete(check);
    }
    if (done.signal.aborted) return this.#refused.assertNone(generation);
    throw new SkerryError("unavailable/timeout", "The change is stored, but not all gateway workers run it yet.", {
      hint: "Do not repeat it; look again in a moment: skerry route ls",
    });
  }

  /** Takes no new connections, lets requests under way finish. */
  async drain(withinMs: number): Promise<void> {
    this.#stop.abort();
    const ended = [...this.#members].map(({ child }) => exited(child));
    for (const member of this.#members) send(member.child, { type: "drain", withinMs });
    await Promise.race([Promise.all(ended), this.#options.clock.sleep(withinMs)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    const ended = [...this.#members].map(({ child }) => exited(child));
    for (const { child } of this.#members) child.kill("SIGKILL");
    await Promise.all([...ended, ...this.#restarts]);
  }

  async #launch(): Promise<void> {
    const { clock, http, https, entries, l4, guarded, explainKey, tlsMinVersion } = this.#options;
    // Its stdout is for nobody: what it has to say comes through the pipe.
    const child = fork(fileURLToPath(this.#options.worker ?? WORKER), [], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      // Half of them may resolve names.
      env: { ...process.env, UV_THREADPOOL_SIZE: `${2 * LIMITS.proxy.maxLookups}` },
    });
    const startedMs = clock.monotonicMs();
    const stats = emptyStats();
    const slot = this.#freeSlot();
    const member: Member = { slot, child, running: -1, startedMs, hasServed: false, unanswered: 0, stats, unsent: 0 };
    this.#members.add(member);
    child.on("exit", (status, signal) => this.#gone(member, status, signal));
    child.on("error", () => child.kill("SIGKILL"));
    const serving = Promise.withResolvers<void>();
    child.on("message", (message: FromWorker) => this.#take(member, message, serving));
    child.once("exit", () => serving.reject(new SkerryError("unavailable", "A gateway worker ended at its start.")));
    const ports = this.#ports;
    send(member.child, {
      type: "start",
      http: { host: http.host, port: ports.http },
      https: { host: https.host, port: ports.https },
      generation: this.#generation,
      entries: entries(),
      l4: l4?.entries() ?? [],
      lists: this.#options.lists?.encodeAll() ?? [],
      ports: l4?.ports() ?? [],
      announcers: this.#options.announcers ?? [],
      ...{ guarded, explainKey, tlsMinVersion, ticketSecret: this.#ticketSecret },
      ...{ rateSecret: this.#rateSecret, workers: this.#options.workers },
      ...{ ...accessLogFor(slot, this.#options), ...cacheFor(slot, this.#options) },
    });
    const deadline = setTimeout(() => child.kill("SIGKILL"), startMs);
    try {
      await serving.promise;
    } finally {
      clearTimeout(deadline);
    }
  }

  #freeSlot(): number {
    const taken = new Set([...this.#members].map(({ slot }) => slot));
    let slot = 0;
    while (taken.has(slot)) slot++;
    return slot;
  }

  #take(member: Member, message: FromWorker, serving: PromiseWithResolvers<void>): void {
    const { log } = this.#options;
    member.unanswered = 0;
    switch (message.type) {
      case "pong":
        return;
      case "spent":
        for (const other of this.#members) if (other !== member) sendIfItReads(other, message);
        return;
      case "listening":
        member.hasServed = true;
        this.#ports = { http: message.httpPort, https: message.httpsPort };
        serving.resolve();
        return;
      case "failed": {
        const { what, code } = message;
        serving.reject(portError(what.toUpperCase(), `--listen-${what}`, this.#options[what], code));
        member.child.kill("SIGKILL");
        return;
      }
      case "unsupported":
        serving.reject(new SkerryError(message.id, message.message, { hint: message.hint }));
        member.child.kill("SIGKILL");
        return;
      case "running":
        // A change that came while it was starting is told before its start.
        member.running = Math.max(member.running, message.generation);
        for (const check of this.#waiters) check();
        return;
      case "refused":
        log.error(
          { worker: member.child.pid, ...message },
          "a gateway worker cannot run routes, and keeps what it had",
        );
        this.#refused.take(message.generation, message.routes);
        return;
      case "certificate":
        void this.#giveCertificate(member, message.host);
        return;
      case "port":
        this.#options.l4?.onPort(message.port, message.code);
        return;
      case "l4":
        this.#options.l4?.onCounters(member, message.counters);
        return;
      case "backends":
        this.#options.conditions?.onConditions(member, member.child.pid, message.conditions);
        return;
      case "upstreams":
        this.#options.upstreams?.onCounters(member, message.counters);
        return;
      case "routes":
        this.#options.routes?.onNews(member, message.news);
        return;
      case "stats":
        this.#counts.take(member.stats, message.stats);
        member.stats = message.stats;
        return;
      case "failure":
        log.warn({ worker: member.child.pid, ...message.record }, "a request got no answer of its upstream");
        return;
      case "error":
        log.error({ worker: member.child.pid, error: message.text }, "a gateway worker failed");
    }
  }

  async #giveCertificate(member: Member, host: string): Promise<void> {
    const { log, certificateFor } = this.#options;
    let certificate: GivenCertificate | undefined;
    let forgotten: number;
    do {
      // What was forgotten meanwhile must not come after it.
      forgotten = this.#forgotten;
      certificate = await certificateFor(host).catch((error: unknown) => {
        log.error({ error, host }, "gateway: no certificate could be made");
        return undefined;
      });
    } while (forgotten !== this.#forgotten);
    send(member.child, { type: "certificate", host, ...(certificate === undefined ? {} : { certificate }) });
  }

  #gone(member: Member, status: number | null, signal: NodeJS.Signals | null): void {
    this.#members.delete(member);
    const { clock, log, l4, upstreams, routes, conditions } = this.#options;
    for (const ear of [l4, upstreams, routes, conditions]) ear?.onGone(member);
    for (const check of this.#waiters) check();
    if (this.#stop.signal.aborted) return;
    this.#ends.push({ atMs: clock.monotonicMs(), how: signal ?? `status ${status}` });
    if (this.#ends.length > this.#limits.maxEnds) this.#ends.shift();
    // One that never served is started again by who started it.
    if (!member.hasServed) return;
    log.error({ worker: member.child.pid, status, signal }, "a gateway worker ended; another takes its place");
    // One that has served a while is replaced at once, one that fails again and again ever more slowly.
    const { minRestartMs, maxRestartMs } = this.#limits;
    if (clock.monotonicMs() - member.startedMs > maxRestartMs) this.#restartMs = minRestartMs;
    const restart = this.#replace().finally(() => this.#restarts.delete(restart));
    this.#restarts.add(restart);
  }

  async #replace(): Promise<void> {
    const { clock, log } = this.#options;
    while (!this.#stop.signal.aborted) {
      await clock.sleep(this.#restartMs, this.#stop.signal).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
      this.#restartMs = Math.min(2 * this.#restartMs, this.#limits.maxRestartMs);
      this.#countRestart();
      try {
        return await this.#launch();
      } catch (error) {
        log.error({ error, againInMs: this.#restartMs }, "a gateway worker could not be started");
      }
    }
  }

  /** A worker that does not follow would answer with routes that are gone. */
  async #replaceLaggards(serving: readonly Member[], generation: number): Promise<void> {
    const { clock, log } = this.#options;
    await clock.sleep(lagMs, this.#stop.signal).catch(() => undefined);
    for (const member of serving) {
      const { child, running } = member;
      if (running >= generation || !this.#members.has(member) || this.#stop.signal.aborted) continue;
      log.error({ worker: child.pid }, "a gateway worker does not follow the routing table and is replaced");
      child.kill("SIGKILL");
    }
  }
}
