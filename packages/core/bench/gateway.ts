/**
 * The gateway beside nginx (as it comes, and with large buffers), HAProxy and Caddy: each one process on one core, the
 * same upstream and load on the other, taking turns in a new order each round. Needs `apt-get install nginx-light
 * libnginx-mod-stream haproxy caddy wrk nghttp2-client openssl gcc`; peers that are missing are left out. The last line is one
 * line of JSON. `npm run bench:gateway [-- ROUNDS] [--only ROW] [--log-cost]`; the last one adds ours without an access log.
 *
 * `req/s` is what came through; `req/cpu-s` counts only the time that the proxy's own process was on the core, and
 * holds also when others use the machine, or when the load could not ask for more.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { finish, type Row, row, shuffled } from "./figures.ts";
import { type Contender, startAll } from "./gateway-contenders.ts";
import { measureLatency } from "./gateway-latency.ts";
import { measureMemory } from "./gateway-memory.ts";
import { cpuSeconds, endAll } from "./gateway-processes.ts";
import { type BenchRow, ROWS } from "./gateway-rows.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: "string" }, "log-cost": { type: "boolean", default: false } },
});
const ROUNDS = Number(positionals[0] ?? 5);

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
const NAMES = [...ROWS.map(({ name }) => name), "p99-70", "mem-1k"];
const chosen = NAMES.filter((name) => values.only === undefined || name === values.only);
if (chosen.length === 0) throw new Error(`rows are ${NAMES.join(", ")}`);
const folder = await mkdtemp(join(tmpdir(), "skerry-bench-gateway-"));
try {
  const { signal } = interrupted;
  const contenders = await startAll(folder, values["log-cost"]);
  const rows: Row[] = [];
  for (const name of chosen) {
    signal.throwIfAborted();
    const one = ROWS.find((known) => known.name === name);
    if (name === "p99-70") rows.push(...(await measureLatency(contenders, ROUNDS, signal, folder)));
    else if (name === "mem-1k") rows.push(...(await measureMemory(contenders, ROUNDS, signal)));
    if (one === undefined) continue;
    const taking = await takePart(contenders, one);
    if (taking.length > 0) rows.push(...(await measure(taking, one, signal)));
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
