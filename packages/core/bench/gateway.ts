/**
 * The gateway beside nginx (as it comes, and with large buffers), HAProxy and Caddy: each one process on one core, the
 * same upstream and load on the other, taking turns in a new order each round. Needs `apt-get install nginx-light
 * libnginx-mod-stream haproxy caddy wrk nghttp2-client openssl`; peers that are missing are left out. The last line is one
 * line of JSON. `npm run bench:gateway [-- ROUNDS] [--only ROW] [--log-cost]`; the last one adds ours without an access log.
 *
 * `req/s` is what came through; `req/cpu-s` counts only the time that the proxy's own process was on the core, and
 * holds also when others use the machine, or when the load could not ask for more.
 */
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { finish, type Row, row, shuffled } from "./figures.ts";
import { PEERS, type Ports, upstreamProgram } from "./gateway-peers.ts";
import { cpuSeconds, endAll, freePort, isInstalled, OTHER_CORE, PROXY_CORE, start } from "./gateway-processes.ts";
import { type BenchRow, ROWS } from "./gateway-rows.ts";
import { ownProgram } from "./gateway-worker.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: "string" }, "log-cost": { type: "boolean", default: false } },
});
const ROUNDS = Number(positionals[0] ?? 5);

interface Contender {
  readonly name: string;
  readonly child: ChildProcess;
  readonly ports: Ports;
}

async function startAll(folder: string): Promise<Contender[]> {
  const upstream = await freePort();
  await start(await upstreamProgram(join(folder, "upstream"), upstream), OTHER_CORE, upstream);
  const portsOf = async (): Promise<Ports> => {
    return { plain: await freePort(), tls: await freePort(), tcp: await freePort(), upstream };
  };
  const contenders: Contender[] = [];
  for (const [name, logFolder] of [
    ["ours", join(folder, "ours")],
    ...(values["log-cost"] ? [["ours-unlogged", undefined] as const] : []),
  ] as const) {
    const ports = await portsOf();
    contenders.push({ name, ports, child: await start(ownProgram(ports, logFolder), PROXY_CORE, ports.plain) });
  }
  for (const [name, { command, make }] of Object.entries(PEERS)) {
    if (!(await isInstalled(command))) {
      console.log(`${name} is not installed: left out`);
      continue;
    }
    const ports = await portsOf();
    const child = await start(await make(join(folder, name), ports), PROXY_CORE, ports.plain);
    contenders.push({ name, child, ports });
  }
  return contenders;
}

/** Those that take part; none when ours does not. */
async function takePart(all: readonly Contender[], { name: rowName, leftOut }: BenchRow): Promise<Contender[]> {
  const taking: Contender[] = [];
  for (const contender of all) {
    const why = await leftOut?.(contender.name, contender.ports);
    if (why === undefined) taking.push(contender);
    else if (contender.name === "ours") {
      console.log(`${rowName} is left out: ${why}`);
      return [];
    }
  }
  return taking;
}

async function measure(contenders: readonly Contender[], one: BenchRow, signal: AbortSignal): Promise<Row[]> {
  const figures = () => new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  const perSecond = figures();
  const perCpuSecond = figures();
  const busy = figures();
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { name, child, ports } of shuffled(contenders)) {
      const pid = child.pid as number;
      const before = await cpuSeconds(pid);
      const { count, seconds } = await one.load(ports, signal).catch((cause: unknown) => {
        throw new Error(`${one.name}: ${name}`, { cause });
      });
      const cpu = (await cpuSeconds(pid)) - before;
      // The first round warms up.
      if (round === 0) continue;
      perSecond.get(name)?.push(count / seconds);
      perCpuSecond.get(name)?.push(count / cpu);
      busy.get(name)?.push(cpu / seconds);
    }
  }
  const rows = [row(one.name, `${one.what}/s`, perSecond), row(one.name, `${one.what}/cpu-s`, perCpuSecond)];
  const share = ([name, parts]: readonly [string, readonly number[]]) =>
    `${name} ${Math.round((100 * parts.reduce((sum, part) => sum + part, 0)) / parts.length)} %`;
  console.log(`${"".padEnd(22)} of its core: ${[...busy].map(share).join(", ")}`);
  return rows;
}

const interrupted = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(name, () => interrupted.abort(new Error(`interrupted by ${name}`)));
}
const chosen = ROWS.filter(({ name }) => values.only === undefined || name === values.only);
if (chosen.length === 0) throw new Error(`rows are ${ROWS.map(({ name }) => name).join(", ")}`);
const folder = await mkdtemp(join(tmpdir(), "skerry-bench-gateway-"));
try {
  const contenders = await startAll(folder);
  const rows: Row[] = [];
  for (const one of chosen) {
    interrupted.signal.throwIfAborted();
    const taking = await takePart(contenders, one);
    if (taking.length > 0) rows.push(...(await measure(taking, one, interrupted.signal)));
  }
  finish("gateway", rows);
} catch (error) {
  if (!interrupted.signal.aborted) throw error;
  console.error(String(interrupted.signal.reason));
  process.exitCode = 1;
} finally {
  await endAll();
  await rm(folder, { recursive: true, force: true });
}
