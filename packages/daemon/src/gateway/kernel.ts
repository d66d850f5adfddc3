/**
 * In-kernel forwarding of routes below HTTP, by nftables, where it is allowed: a table of our own. The workers listen all the
 * same: they hold the port, and take what the kernel leaves to them. The table goes with the daemon; one that a killed daemon
 * has left goes at the next start.
 */
import { execFile } from "node:child_process";
import { isIP } from "node:net";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { Clock } from "@skerry/core/domain/ports.ts";
import type { Logger } from "@skerry/core/domain/telemetry.ts";
import { emptyCounters, type L4Counters, type L4Entry } from "@skerry/core/gateway/l4/entry.ts";
import { type Ended, type Forwarded, forwardedOf, rulesetOf } from "@skerry/core/gateway/l4/ruleset.ts";

/** Runs a program, and gives what it prints. Rejects with what it said. */
export type Run = (program: string, parameters: readonly string[], input?: string) => Promise<string>;

export interface KernelOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly cluster: string;
  /** The address of the gateway. */
  readonly host: string;
  readonly isEnabled: boolean;
  /** Connections may begin with the PROXY protocol: the kernel does not read it. */
  readonly hasAnnouncers: boolean;
  readonly entries: () => readonly L4Entry[];
  /** Loopback, this machine's own and others that the kernel does not forward to, whoever asks. */
  readonly isGuarded: (ip: string) => boolean;
  /** How names of the containers' bridges begin. */
  readonly bridges: string;
  /** Tests: in another network namespace. */
  readonly run?: Run;
}

export class KernelForwarding implements AsyncDisposable {
  readonly #options: KernelOptions;
  readonly #run: Run;
  readonly #table: string;
  readonly #stop = new AbortController();
  #installed = new Map<string, Forwarded>();
  /** Routes that are gone, whose connections are ended; the oldest first. */
  #ended: Ended[] = [];
  readonly #counters = new Map<string, L4Counters>();
  /** Why none at all is forwarded. */
  #trouble: string | undefined = "it is not in force yet";
  #applied = "";
  /** Never rejects: what fails is tried again, and keeps nothing after it. */
  #work: Promise<void> = Promise.resolve();
  #loop: Promise<void> = Promise.resolve();

  constructor(options: KernelOptions) {
    this.#options = options;
    this.#run = options.run ?? runProgram;
    this.#table = `skerry_${options.cluster}`;
  }

  /** What a daemon that was killed has left is gone when it resolves. */
  async start(): Promise<void> {
    await this.#dropTable();
    await this.update();
    this.#loop = this.#watch();
  }

  /** Routes have changed. Resolves when the kernel forwards what it may. */
  update(): Promise<void> {
    this.#work = this.#work
      .then(() => this.#update())
      .catch((error: unknown) => {
        this.#options.log.error({ error }, "gateway: what the kernel forwards could not be settled; it is tried again");
      });
    return this.#work;
  }

  /** Undefined: the kernel forwards it; else why it does not. */
  whyNot(entry: L4Entry): string | undefined {
    return this.#installed.has(entry.id) ? undefined : (this.#trouble ?? this.#reasonOf(entry));
  }

  /** As last read. */
  countersOf(id: string): L4Counters {
    return this.#counters.get(id) ?? emptyCounters();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    await this.#work;
    if (this.#installed.size + this.#ended.length > 0) await this.#dropTable();
  }

  /** What the machine allows may change, and nobody tells of it. */
  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#options.clock.sleep(LIMITS.l4.kernelLookMs, signal).catch(() => undefined);
      if (!signal.aborted && this.#options.entries().length > 0) await this.update();
    }
  }

  async #update(): Promise<void> {
    const { entries, log } = this.#options;
    const all = entries();
    this.#trouble = all.length === 0 ? undefined : await this.#findTrouble();
    const routes = this.#trouble === undefined ? all.map((entry) => this.#forwarded(entry)) : [];
    const next = new Map(routes.flatMap((route) => (typeof route === "string" ? [] : [[route.id, route]])));
    if (next.size === 0 && this.#installed.size === 0 && this.#ended.length === 0) return;
    try {
      await this.#apply(next);
      if (next.size > 0) await this.#count();
    } catch (error) {
      log.warn({ error }, "gateway: the kernel's rules could not be set; the workers forward");
      this.#trouble = `nft refused: ${saidBy(error)}`;
      this.#installed = new Map();
      await this.#dropTable();
    }
  }

  async #apply(next: Map<string, Forwarded>): Promise<void> {
    const { host, bridges } = this.#options;
    const gone = [...this.#installed.values()].filter(({ id }) => !next.has(id));
    const before = [...this.#installed.values()];
    const isSame = (a: Ended, b: Ended): boolean =>
      a.protocol === b.protocol && a.port === b.port && a.address === b.address && a.toPort === b.toPort;
    // Of changed ones, too: they lead elsewhere now.
    const ended = [...this.#ended, ...before]
      .filter((route) => ![...next.values()].some((kept) => isSame(kept, route)))
      .filter((route, at, all) => all.findIndex((other) => isSame(other, route)) === at)
      .slice(-LIMITS.l4.maxEndedRoutes);
    const options = { table: this.#table, listen: host, guarded: bridges };
    const text = rulesetOf(
      options,
      [...next.values()],
      gone.map(({ id }) => id),
      ended,
    );
    if (text === this.#applied) return;
    await this.#run("nft", ["-f", "-"], text);
    // Without what is done once.
    this.#applied = gone.length === 0 ? text : "";
    this.#installed = next;
    this.#ended = ended;
    for (const { id } of gone) this.#counters.delete(id);
  }

  async #count(): Promise<void> {
    const answer = await this.#run("nft", ["-j", "list", "counters", "table", "ip", this.#table]);
    const { nftables } = JSON.parse(answer) as { nftables: { counter?: KernelCounter }[] };
    const byName = new Map(nftables.flatMap(({ counter }) => (counter === undefined ? [] : [[counter.name, counter]])));
    for (const id of this.#installed.keys()) {
      this.#counters.set(id, {
        ...emptyCounters(),
        connections: byName.get(`new_${id}`)?.packets ?? 0,
        bytesIn: byName.get(`in_${id}`)?.bytes ?? 0,
        bytesOut: byName.get(`out_${id}`)?.bytes ?? 0,
      });
    }
  }

  #forwarded(entry: L4Entry): Forwarded | string {
    const isTcp = (one: L4Entry): boolean => one.protocol !== "udp";
    const isAlone = !this.#options
      .entries()
      .some((other) => other.id !== entry.id && other.port === entry.port && isTcp(other) === isTcp(entry));
    const route = forwardedOf(entry, isAlone);
    if (typeof route === "string") return route;
    return this.#options.isGuarded(route.address) ? "it leads to this machine, or to where few may lead" : route;
  }

  #reasonOf(entry: L4Entry): string {
    const route = this.#forwarded(entry);
    return typeof route === "string" ? route : "it is not in force yet";
  }

  /** Of this machine and its settings. */
  async #findTrouble(): Promise<string | undefined> {
    const { isEnabled, hasAnnouncers, host } = this.#options;
    if (!isEnabled) return "gateway.inKernel is off";
    if (hasAnnouncers) return "gateway.proxyProtocolFrom is set, and the kernel does not read who asks";
    if (isIP(host) === 4 && host.startsWith("127.")) return "the gateway listens on loopback alone";
    if (isIP(host) === 6 && host !== "::") return "the gateway listens on an IPv6 address alone";
    try {
      const forwards = await this.#run("cat", ["/proc/sys/net/ipv4/ip_forward"]);
      if (forwards.trim() !== "1") return "this machine does not forward: net.ipv4.ip_forward is 0";
      const answer = await this.#run("nft", ["-j", "list", "chains"]);
      return dropsForwarded(answer)
        ? "this machine's firewall drops what it forwards, unless told otherwise"
        : undefined;
    } catch (error) {
      return saidBy(error);
    }
  }

  async #dropTable(): Promise<void> {
    this.#applied = "";
    // Adding it first makes that no error when it is not there.
    const text = `add table ip ${this.#table}\ndelete table ip ${this.#table}\n`;
    await this.#run("nft", ["-f", "-"], text).catch(() => undefined);
  }
}

interface KernelCounter {
  readonly name: string;
  readonly packets: number;
  readonly bytes: number;
}

/** Whether somebody's chain drops what it does not know: Docker's does. */
function dropsForwarded(answer: string): boolean {
  const { nftables } = JSON.parse(answer) as {
    nftables: { chain?: { hook?: string; policy?: string; table?: string } }[];
  };
  return nftables.some(
    ({ chain }) => chain?.hook === "forward" && (chain.policy === "drop" || chain.table === "firewalld"),
  );
}

function saidBy(error: unknown): string {
  const { code, said = "" } = error as { code?: unknown; said?: string };
  if (code === "ENOENT") return "nft is not installed";
  if (/ermitted|ermission/.test(said)) return "it needs CAP_NET_ADMIN";
  return said.trim().split("\n")[0] || String(error);
}

function runProgram(program: string, parameters: readonly string[], input = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: LIMITS.l4.kernelCallMs, maxBuffer: LIMITS.l4.maxKernelAnswerBytes };
    const child = execFile(program, parameters, options, (error, printed, said) => {
      if (error === null) resolve(printed);
      else reject(Object.assign(error, { said }));
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}
