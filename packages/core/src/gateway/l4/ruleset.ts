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
  const { id, protocol, port, backends, proxyProtocol, access } = entry;
  const [backend] = backends;
  if (protocol !== "tcp" && protocol !== "udp") return `first bytes decide on a port of ${protocol}`;
  if (!isAlone) return "several protocols share the port, and first bytes decide";
  if (proxyProtocol !== undefined) return "the backend is told who asks";
  if (access !== undefined) return "it does not take every address";
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
    ...PROTOCOLS.flatMap((protocol) => [
      `add set ip ${table} to_${protocol} { type ipv4_addr . inet_service; }`,
      ...DIRECTIONS.map((way) => `add map ip ${table} ${way}_${protocol} { type inet_service : counter; }`),
    ]),
    ...["prerouting", "postrouting", "forward"].map((chain) => `flush chain ip ${table} ${chain}`),
    ...PROTOCOLS.flatMap((protocol) => [
      `flush set ip ${table} to_${protocol}`,
      ...DIRECTIONS.map((way) => `flush map ip ${table} ${way}_${protocol}`),
    ]),
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
    ...routes.flatMap(({ id, protocol, port, address, toPort }) => [
      `add element ip ${table} to_${protocol} { ${address} . ${toPort} }`,
      ...DIRECTIONS.map((way) => `add element ip ${table} ${way}_${protocol} { ${port} : "${way}_${id}" }`),
    ]),
    // Each packet passes these: as many for a thousand routes as for one.
    ...PROTOCOLS.flatMap((protocol) => [
      at("forward", `${TRANSLATED} original ip daddr . ${protocol} dport @to_${protocol} ${counterIn("in", protocol)}`),
      at("forward", `${TRANSLATED} reply ip saddr . ${protocol} sport @to_${protocol} ${counterIn("out", protocol)}`),
    ]),
    "",
  ].join("\n");
}

const PROTOCOLS = ["tcp", "udp"] as const;
/** Bytes to the backend, bytes back. */
const DIRECTIONS = ["in", "out"] as const;
/** Of each route: connections, and those. */
const COUNTERS = ["new", ...DIRECTIONS] as const;
const TRANSLATED = "ct status dnat ct direction";

/** The counter of the route to whose port a connection came. */
function counterIn(way: "in" | "out", protocol: "tcp" | "udp"): string {
  return `counter name ct original proto-dst map @${way}_${protocol}`;
}

function original({ protocol, port, address, toPort }: Ended): string {
  return `${protocol} dport ${toPort} ip daddr ${address} ct status dnat ct direction original ct original proto-dst ${port}`;
}

function reply({ protocol, port, address, toPort }: Ended): string {
  return `${protocol} sport ${toPort} ip saddr ${address} ct status dnat ct direction reply ct original proto-dst ${port}`;
}
