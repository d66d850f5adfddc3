/**
 * In-kernel forwarding beside nftables by hand: bytes through our rules, and through the rule that somebody would write for the
 * same, taking turns in network namespaces of their own. Needs root and `apt-get install iproute2 nftables iperf3`. The last
 * line is one line of JSON. `npm run bench:kernel [-- ROUNDS]`
 */

import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { parseArgs, promisify } from "node:util";
import { rulesetOf } from "../src/gateway/l4/ruleset.ts";
import { finish, type Row, row, shuffled } from "./figures.ts";

const { positionals } = parseArgs({ allowPositionals: true });
const ROUNDS = Number(positionals[0] ?? 9);
/** So many are there; one is used. */
const ROUTES = [1, 500];
const SECONDS = "1";
const PREFIX = `skb${randomBytes(3).toString("hex")}`;
const [CLIENT, GATE, BACKEND] = [`${PREFIX}c`, `${PREFIX}g`, `${PREFIX}b`];
const GATE_ADDRESS = "198.18.1.1";
const ADDRESS = "198.18.2.2";
const IPERF = 5201;
const PORT = 20_000;
const TABLE = "skerry_bench";

const run = async (...words: string[]): Promise<string> =>
  (await promisify(execFile)(words[0] ?? "", words.slice(1))).stdout;

async function nft(text: string): Promise<void> {
  const child = spawn("ip", ["netns", "exec", GATE, "nft", "-f", "-"], { stdio: ["pipe", "inherit", "inherit"] });
  child.stdin.end(text);
  const [status] = await once(child, "exit");
  if (status !== 0) throw new Error(`nft ended with ${status}`);
}

async function link(space: string, there: string, here: string, name: string): Promise<void> {
  await run("ip", "-n", GATE, "link", "add", name, "type", "veth", "peer", "name", "e", "netns", space);
  await run("ip", "-n", GATE, "addr", "add", here, "dev", name);
  await run("ip", "-n", GATE, "link", "set", name, "up");
  await run("ip", "-n", space, "addr", "add", there, "dev", "e");
  await run("ip", "-n", space, "link", "set", "e", "up");
}

interface Forwarding {
  readonly port: number;
  readonly toPort: number;
}

/** The last of them is the one that is used. */
function forwardings(count: number): Forwarding[] {
  const others = Array.from({ length: count - 1 }, (_, n) => ({ port: PORT + 1 + n, toPort: 6000 + n }));
  return [...others, { port: PORT, toPort: IPERF }];
}

/** As `kernel.ts` gives them to nft. */
function ours(count: number): string {
  const routes = forwardings(count).map(({ port, toPort }, n) => {
    return { id: `bench${n}`, protocol: "tcp", port, address: ADDRESS, toPort } as const;
  });
  return rulesetOf({ table: TABLE, listen: "0.0.0.0", guarded: "sk-" }, routes, [], []);
}

/** What people write who want just that. */
function plain(count: number): string {
  const all = forwardings(count);
  const to = all.map(({ port, toPort }) => `tcp dport ${port} dnat to ${ADDRESS}:${toPort};`).join("\n    ");
  const back = all.map(({ toPort }) => `ip daddr ${ADDRESS} tcp dport ${toPort} masquerade;`).join("\n    ");
  return `table ip ${TABLE} {
  chain pre { type nat hook prerouting priority dstnat;\n    ${to} }
  chain post { type nat hook postrouting priority srcnat;\n    ${back} }
}
`;
}

/** Gbit/s, as the receiver has it. */
async function bulk(): Promise<number> {
  const text = await run(
    "ip",
    "netns",
    "exec",
    CLIENT,
    "iperf3",
    "-J",
    "-t",
    SECONDS,
    "-c",
    GATE_ADDRESS,
    "-p",
    `${PORT}`,
  );
  const { end } = JSON.parse(text) as { end: { sum_received: { bits_per_second: number } } };
  return end.sum_received.bits_per_second / 1e9;
}

async function measure(routes: number): Promise<Row> {
  const figures = new Map<string, number[]>([
    ["ours", []],
    ["nftables", []],
  ]);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const name of shuffled([...figures.keys()])) {
      const rules = name === "ours" ? ours(routes) : plain(routes);
      await nft(`add table ip ${TABLE}\ndelete table ip ${TABLE}\n${rules}`);
      const gigabits = await bulk();
      // The first round warms up.
      if (round > 0) figures.get(name)?.push(gigabits * 1000);
    }
  }
  return row(`kernel-bulk-${routes}`, "Mbit/s", figures);
}

async function main(): Promise<void> {
  const servers = new AbortController();
  try {
    for (const space of [CLIENT, GATE, BACKEND]) await run("ip", "netns", "add", space);
    await link(CLIENT, "198.18.1.2/24", `${GATE_ADDRESS}/24`, "e0");
    await link(BACKEND, `${ADDRESS}/24`, "198.18.2.1/24", "e1");
    await run("ip", "netns", "exec", GATE, "sysctl", "-qw", "net.ipv4.ip_forward=1");
    const server = spawn("ip", ["netns", "exec", BACKEND, "iperf3", "-s", "--forceflush"], {
      ...{ signal: servers.signal, killSignal: "SIGKILL", stdio: ["ignore", "pipe", "inherit"] },
    });
    server.on("error", () => undefined);
    await once(server.stdout as NodeJS.ReadableStream, "data");
    server.stdout?.resume();
    const rows: Row[] = [];
    for (const routes of ROUTES) rows.push(await measure(routes));
    finish("kernel-path", rows);
  } finally {
    servers.abort();
    for (const space of [CLIENT, GATE, BACKEND]) await run("ip", "netns", "del", space).catch(() => undefined);
  }
}

for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(name, () => {
    void Promise.all(
      [CLIENT, GATE, BACKEND].map((space) => run("ip", "netns", "del", space).catch(() => undefined)),
    ).then(() => process.exit(1));
  });
}
await main();
