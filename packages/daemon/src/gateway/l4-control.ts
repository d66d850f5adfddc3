/** Routes below HTTP, as the daemon sees them: ports, what workers have carried, and the status of each. */
import type { Route } from "@skerry/core/domain/gateway.ts";
import { type Listener, parseListener, portOfListener } from "@skerry/core/domain/listeners.ts";
import type { Clock } from "@skerry/core/domain/ports.ts";
import type { Family, Logger, Metrics } from "@skerry/core/domain/telemetry.ts";
import type { HostPort } from "@skerry/core/gateway/control.ts";
import { addCounters, emptyCounters, type L4Counters, type L4Entry } from "@skerry/core/gateway/l4/entry.ts";
import type { FleetL4 } from "./fleet-ears.ts";
import type { KernelForwarding } from "./kernel.ts";
import { L4Ports } from "./l4-ports.ts";

/** Of each route below HTTP, whoever carries it. */
const FAMILIES = [
  ["connections", "counter", "connections_total", "Connections, or sessions of UDP, of a route, by its uid."],
  ["open", "gauge", "open_connections", "Those of them that are open in the workers."],
  ["bytesIn", "counter", "received_bytes_total", "Bytes from clients of a route."],
  ["bytesOut", "counter", "sent_bytes_total", "Bytes to clients of a route."],
  ["failed", "counter", "failed_connections_total", "Connections of a route that did not reach its backend."],
  ["refused", "counter", "refused_connections_total", "Connections that were turned away: too many were open."],
] as const;

export interface L4ControlOptions {
  readonly clock: Clock;
  readonly kernel: KernelForwarding;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly http: HostPort;
  /** Our own, where `ssh` may come too. */
  readonly https: HostPort;
  /** As it turned out to be. */
  readonly httpsPort: () => number;
  readonly entries: () => readonly L4Entry[];
  readonly entry: (uid: string) => L4Entry | undefined;
  readonly publish: (ports: readonly string[]) => void;
}

export interface L4Status {
  readonly url: string;
  readonly state: "ready" | "down";
  readonly reason?: string;
  readonly traffic: L4Counters;
  /** Who carries the bytes, and why not the kernel. */
  readonly forwarding: { readonly by: "kernel" | "workers"; readonly reason?: string };
}

export class L4Control implements FleetL4, AsyncDisposable {
  readonly #options: L4ControlOptions;
  readonly #ports: L4Ports;
  /** Of workers that live, by route. */
  readonly #live = new Map<object, Map<string, L4Counters>>();
  /** Never rejects, as those of which it is made. */
  #settling: Promise<void> = Promise.resolve();
  /** Of those that have ended. */
  readonly #ended = new Map<string, L4Counters>();

  constructor(options: L4ControlOptions) {
    this.#options = options;
    const { clock, log, http, publish } = options;
    this.#ports = new L4Ports({ clock, log, publish, host: http.host, wanted: () => this.#wanted() });
    for (const [what, kind, name, help] of FAMILIES) {
      options.metrics.family(kind, `skerry_gateway_l4_${name}`, help, ["route", "protocol"], () => this.#read(what));
    }
  }

  /** Before the workers start. */
  async start(): Promise<void> {
    await this.#ports.start();
    await this.#options.kernel.start();
  }

  /** Routes have changed. */
  update(removedIds: readonly string[]): void {
    for (const id of removedIds) {
      this.#ended.delete(id);
      for (const counters of this.#live.values()) counters.delete(id);
    }
    this.#settling = this.#ports.update().then(() => this.#options.kernel.update());
  }

  settled(): Promise<void> {
    return this.#settling;
  }

  entries(): readonly L4Entry[] {
    return this.#options.entries();
  }

  ports(): readonly string[] {
    return this.#ports.held;
  }

  onPort(port: string, code: string): void {
    this.#ports.failed(port, code);
  }

  onCounters(worker: object, counters: Readonly<Record<string, L4Counters>>): void {
    const known = this.#live.get(worker) ?? new Map<string, L4Counters>();
    this.#live.set(worker, known);
    for (const [id, one] of Object.entries(counters)) if (this.#options.entry(id) !== undefined) known.set(id, one);
  }

  onGone(worker: object): void {
    for (const [id, counters] of this.#live.get(worker) ?? []) {
      this.#ended.set(id, addCounters(this.#ended.get(id) ?? emptyCounters(), { ...counters, open: 0 }));
    }
    this.#live.delete(worker);
  }

  statusOf({ meta, spec }: Route, isServed: boolean): L4Status {
    const listener = parseListener(spec.listen ?? "");
    const entry = this.#options.entry(meta.uid);
    const reason = entry === undefined ? "it is not in force yet" : this.#options.kernel.whyNot(entry);
    const forwarding = reason === undefined ? { by: "kernel" as const } : { by: "workers" as const, reason };
    const shared = { url: this.#urlOf(listener), traffic: this.#trafficOf(meta.uid), forwarding };
    const down = (reason: string) => ({ ...shared, state: "down" as const, reason });
    if (!isServed) return down("this node runs no gateway workers");
    if (entry === undefined) return down("it is not in force yet");
    const port = this.#portOf(listener);
    const problem = port === undefined ? undefined : this.#ports.problemOf(port);
    if (problem !== undefined) return down(problem);
    if (entry.backends.length === 0) return down(entry.reason ?? "it has no backend");
    return { ...shared, state: "ready" };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#ports[Symbol.asyncDispose]();
  }

  /** One figure of each route, in the order of the table. */
  #read(what: keyof L4Counters): Family {
    return this.entries().map(({ id, protocol }) => [{ route: id, protocol }, this.#trafficOf(id)[what]] as const);
  }

  #wanted(): ReadonlySet<string> {
    return new Set(this.entries().flatMap((entry) => this.#portOf(entry) ?? []));
  }

  /** That must be listened on for it. */
  #portOf(listener: Listener): string | undefined {
    return listener.protocol !== "udp" && listener.port === this.#options.https.port
      ? undefined
      : portOfListener(listener);
  }

  #trafficOf(uid: string): L4Counters {
    const live = [...this.#live.values()].flatMap((counters) => counters.get(uid) ?? []);
    const others = addCounters(this.#ended.get(uid) ?? emptyCounters(), this.#options.kernel.countersOf(uid));
    return live.reduce(addCounters, others);
  }

  /** Where it answers on this node. An address that stands for all is left out. */
  #urlOf({ protocol, host, port }: Listener): string {
    const at = this.#options.http.host;
    const isAll = at === "0.0.0.0" || at === "::";
    const name = host !== "" ? host : isAll ? "" : at.includes(":") ? `[${at}]` : at;
    return `${protocol}://${name}:${port === 0 ? this.#options.httpsPort() : port}`;
  }
}
