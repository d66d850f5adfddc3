/** Rules of nftables that forward routes below HTTP in the kernel. Pure text: `nft -f` takes all of it or nothing. */
import { isIPv4 } from "node:net";
import type { L4Entry } from "./entry.ts";

/** A route that the kernel can forward. */
export interface Forwarded {
  readonly id: string;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  /** IPv4. */
  readonly address: string;
  readonly toPort: number;
}

export interface RulesetOptions {
  /** Name of the table: one for each cloud. */
  readonly table: string;
  /** Where the gateway listens; `0.0.0.0` and `::` stand for every address of this machine. */
  readonly listen: string;
  /** Interfaces from which nothing is forwarded: those of containers, which may not reach this machine. */
  readonly guarded: string;
}

/** What of a route, alone on its port, keeps the kernel from forwarding it; else how it does. */
export function forwardedOf(entry: L4Entry, isAlone: boolean): Forwarded | string {
  const { id, protocol, port, backends, proxyProtocol } = entry;
  const [backend] = backends;
  if (protocol !== "tcp" && protocol !== "udp") return `first bytes decide on a port of ${protocol}`;
  if (!isAlone) return "several protocols share the port, and first bytes decide";
  if (proxyProtocol !== undefined) return "the backend is told who asks";
  if (backend === undefined || backends.length > 1) return "it has not exactly one backend";
  if (!isIPv4(backend.host))
    return "it does not lead to an IPv4 address: names and others are looked at, at each connect";
  return { id, protocol, port, address: backend.host, toPort: backend.port };
}

/** What ends the connections of routes that are gone. */
export type Ended = Omit<Forwarded, "id">;

/** Makes the table, when it is not there, into exactly this. Counters of routes that stay go on. */
export function rulesetOf(
  options: RulesetOptions,
  routes: readonly Forwarded[],
  goneIds: readonly string[],
  ended: readonly Ended[],
): string {
  const { table, listen, guarded } = options;
  const to = listen === "0.0.0.0" || listen === "::" ? "fib daddr type local" : `ip daddr ${listen}`;
  const at = (chain: string, rule: string): string => `add rule ip ${table} ${chain} ${rule}`;
  return [
    `add table ip ${table}`,
    `add chain ip ${table} prerouting { type nat hook prerouting priority -105; }`,
    `add chain ip ${table} postrouting { type nat hook postrouting priority 95; }`,
    `add chain ip ${table} forward { type filter hook forward priority -5; }`,
    ...["prerouting", "postrouting", "forward"].map((chain) => `flush chain ip ${table} ${chain}`),
    ...goneIds.flatMap((id) => COUNTERS.map((what) => `delete counter ip ${table} ${what}_${id}`)),
    ...routes.flatMap(({ id }) => COUNTERS.map((what) => `add counter ip ${table} ${what}_${id}`)),
    at("prerouting", `iifname "${guarded}*" return`),
    ...routes.map(({ id, protocol, port, address, toPort }) =>
      at("prerouting", `${to} ${protocol} dport ${port} counter name new_${id} dnat to ${address}:${toPort}`),
    ),
    ...routes.map((route) => at("postrouting", `${original(route)} masquerade`)),
    ...ended.flatMap((route) => {
      const verdict = route.protocol === "tcp" ? "reject with tcp reset" : "drop";
      return [original(route), reply(route)].map((match) => at("forward", `${match} ${verdict}`));
    }),
    ...routes.flatMap((route) => [
      at("forward", `${original(route)} counter name in_${route.id}`),
      at("forward", `${reply(route)} counter name out_${route.id}`),
    ]),
    "",
  ].join("\n");
}

/** Of each route: connections, bytes to the backend, bytes back. */
const COUNTERS = ["new", "in", "out"] as const;

function original({ protocol, port, address, toPort }: Ended): string {
  return `${protocol} dport ${toPort} ip daddr ${address} ct status dnat ct direction original ct original proto-dst ${port}`;
}

function reply({ protocol, port, address, toPort }: Ended): string {
  return `${protocol} sport ${toPort} ip saddr ${address} ct status dnat ct direction reply ct original proto-dst ${port}`;
}
