/** p99-70: latencies at 70 % of what nginx can do at most, asked for at a constant rate (load/open-loop.c). */
import { join } from "node:path";
import { type Row, row, shuffled } from "./figures.ts";
import type { Contender } from "./gateway-contenders.ts";
import { wrk } from "./gateway-load.ts";
import { isInstalled, run, runLoad } from "./gateway-processes.ts";

const CONNECTIONS = 64;
const SECONDS = 3;
const SHARE = 0.7;
const SOURCE = join(import.meta.dirname, "load/open-loop.c");

/** Microseconds. `lagP99`: how late the generator was by itself; `core`: its part of its core. */
interface Latencies {
  readonly asked: number;
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly lagP99: number;
  readonly core: number;
}

/** The most that nginx does for as many connections, of three tries. */
async function mostOf({ ports }: Contender, signal: AbortSignal): Promise<number> {
  const tries: number[] = [];
  for (let n = 0; n < 3; n++) {
    const { count, seconds } = await wrk(`http://127.0.0.1:${ports.plain}/small`, CONNECTIONS, signal);
    tries.push(count / seconds);
  }
  return Math.max(...tries);
}

export async function measureLatency(
  contenders: readonly Contender[],
  rounds: number,
  signal: AbortSignal,
  folder: string,
): Promise<Row[]> {
  const nginx = contenders.find(({ name }) => name === "nginx");
  if (nginx === undefined || !(await isInstalled("gcc"))) {
    console.log("p99-70 is left out: it needs nginx, and gcc for what asks at a constant rate");
    return [];
  }
  const generator = join(folder, "open-loop");
  await run("gcc", ["-O2", "-o", generator, SOURCE]);
  const rate = Math.floor(SHARE * (await mostOf(nginx, signal)));
  const figures = () => new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  const [p50, p99] = [figures(), figures()];
  let lagUs = 0;
  let core = 0;
  for (let round = 0; round <= rounds; round++) {
    for (const { name, ports } of shuffled(contenders)) {
      const args = [ports.plain, "/small", rate, SECONDS, CONNECTIONS].map(String);
      const told = JSON.parse(await runLoad(generator, args, signal)) as Latencies;
      if (told.count < told.asked) console.log(`${name} left ${told.asked - told.count} of ${told.asked} unanswered`);
      // The first round warms up.
      if (round === 0) continue;
      p50.get(name)?.push(told.p50);
      p99.get(name)?.push(told.p99);
      lagUs = Math.max(lagUs, told.lagP99);
      core = Math.max(core, told.core);
    }
  }
  const rows = [row("p99-70", "us p99", p99, "low"), row("p99-70", "us p50", p50, "low")];
  const most = `at most ${Math.round(lagUs)} us late (p99) and ${Math.round(100 * core)} % of its core`;
  console.log(`${"".padEnd(22)} ${rate} requests a second; what asks was by itself ${most}`);
  return rows;
}
