/**
 * What containers may reach: the world, and their own project's network. Not this machine (the API on 0.0.0.0, the peer
 * port, anything else that listens here), not other projects, not the link-local addresses where clouds keep credentials.
 * Docker itself lets them reach every service of the host. The rules go by the names of our bridges, so they are the same
 * for all clouds on one machine and stay when a daemon stops: its containers run on.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import { BRIDGE_PREFIX } from "./names.ts";

export interface Firewall {
  /** Before anything joins the bridges; again from time to time. @throws `unsupported` when they cannot be guarded. */
  guard(bridges: readonly string[]): Promise<void>;
  /** After the bridge has gone: what is said of it alone. */
  release(bridge: string): Promise<void>;
}

const OURS = `${BRIDGE_PREFIX}+`;
const HOST_CHAIN = "SKERRY-HOST";
const NETWORK_CHAIN = "SKERRY-NETWORKS";

interface Rule {
  readonly chain: string;
  readonly rule: readonly string[];
  /** Else at the end of the chain. */
  readonly first?: true;
}

const words = (text: string) => text.split(" ");
const HOST_RULES: readonly Rule[] = [
  { chain: HOST_CHAIN, rule: words(`-i ${OURS} -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN`) },
  { chain: HOST_CHAIN, rule: words(`-i ${OURS} -j DROP`) },
  { chain: "INPUT", rule: words(`-j ${HOST_CHAIN}`), first: true },
];
const NETWORK_RULES: readonly Rule[] = [
  { chain: NETWORK_CHAIN, rule: words(`-i ${OURS} -o ${OURS} -j DROP`) },
  { chain: NETWORK_CHAIN, rule: words(`-i ${OURS} -d 169.254.0.0/16 -j DROP`) },
];
const HOST_RULES_6: readonly Rule[] = [
  { chain: HOST_CHAIN, rule: words(`-i ${OURS} -j DROP`) },
  { chain: "INPUT", rule: words(`-j ${HOST_CHAIN}`), first: true },
  { chain: NETWORK_CHAIN, rule: words(`-i ${OURS} -j DROP`) },
  { chain: "FORWARD", rule: words(`-j ${NETWORK_CHAIN}`), first: true },
];

/** Rules of the kernel, by iptables. Needs root. */
export function createIptablesFirewall(): Firewall {
  return {
    async guard(bridges) {
      try {
        // Docker keeps this chain before its own rules, some of which would let it pass.
        const chain = (await holds("iptables", ["-n", "-L", "DOCKER-USER"])) ? "DOCKER-USER" : "FORWARD";
        const jump: Rule = { chain, rule: words(`-j ${NETWORK_CHAIN}`), first: true };
        await ensure("iptables", [...HOST_RULES, ...NETWORK_RULES, ...bridges.map(within), jump]);
        // A kernel without IPv6 has nothing to guard, and no tables for it.
        if (existsSync("/proc/net/if_inet6")) await ensure("ip6tables", HOST_RULES_6);
      } catch (error) {
        throw new SkerryError("unsupported", `Containers cannot be kept away from this machine: ${whyOf(error)}`, {
          hint: "Skerry needs root and iptables to guard containers, and starts none without: apt-get install iptables.",
          cause: error,
        });
      }
    },
    async release(bridge) {
      const { chain, rule } = within(bridge);
      // Another daemon on this machine may have added it at the same moment: then it stands there twice.
      while (await holds("iptables", ["-C", chain, ...rule])) await run("iptables", ["-D", chain, ...rule]);
    },
  };
}

/** Containers of one project reach one another. */
function within(bridge: string): Rule {
  return { chain: NETWORK_CHAIN, rule: words(`-i ${bridge} -o ${bridge} -j RETURN`), first: true };
}

async function ensure(program: string, rules: readonly Rule[]): Promise<void> {
  for (const chain of [HOST_CHAIN, NETWORK_CHAIN]) {
    if (!(await holds(program, ["-n", "-L", chain]))) await run(program, ["-N", chain]);
  }
  for (const { chain, rule, first } of rules) {
    if (await holds(program, ["-C", chain, ...rule])) continue;
    await run(program, first ? ["-I", chain, "1", ...rule] : ["-A", chain, ...rule]);
  }
}

async function holds(program: string, parameters: readonly string[]): Promise<boolean> {
  try {
    await run(program, parameters);
    return true;
  } catch (error) {
    // 1: it does not hold. Anything else means that it cannot be known.
    if ((error as { code?: unknown }).code === 1 && !/ermission/.test(String(error))) return false;
    throw error;
  }
}

function run(program: string, parameters: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    // -w: another program may hold the lock of the tables for a moment.
    execFile(program, ["-w", ...parameters], { timeout: LIMITS.compute.engineCallMs }, (error, _out, said) => {
      if (error === null) resolve();
      else reject(Object.assign(error, { said }));
    });
  });
}

function whyOf(error: unknown): string {
  const { code, said = "" } = error as { code?: unknown; said?: string };
  if (code === "ENOENT") return "iptables is not installed.";
  return said.trim().split("\n")[0] || String(error);
}
