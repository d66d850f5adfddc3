/**
 * The gateway's data path beside nginx, HAProxy and Caddy: each one process, on one core, the same upstream, the same
 * load (wrk), taking turns in a new order each round. Needs `apt-get install nginx-light haproxy caddy wrk`; those that
 * are missing are left out. The last line is one line of JSON. `npm run bench:gateway [-- ROUNDS [WORK]]`
 *
 * `req/s` is what came through; `req/cpu-s` counts only the time that the proxy's own process was on the core, and
 * holds also when others use the machine.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { finish, type Row, row, shuffled } from "./figures.ts";
import { PEERS, type Ports, type Program, TLS_PEERS, upstreamProgram } from "./gateway-peers.ts";

const run = promisify(execFile);
const ROUNDS = Number(process.argv[2] ?? 5);
const SECONDS = 2;
const PROXY_CORE = "0";
const OTHER_CORE = "1";
const TICKS_PER_SECOND = 100;
const WORKS = [
  { work: "h1-small", path: "/small", connections: 32, isTls: false },
  { work: "h1-64k", path: "/64k", connections: 16, isTls: false },
  { work: "h1-1m", path: "/1m", connections: 8, isTls: false },
  // TLS 1.3 with the cipher that all choose: AES-256-GCM.
  { work: "tls-small", path: "/small", connections: 32, isTls: true },
  { work: "tls-1m", path: "/1m", connections: 8, isTls: true },
] as const;
type Work = (typeof WORKS)[number];

interface Contender {
  readonly name: string;
  readonly child: ChildProcess;
  readonly ports: Ports;
}

interface Figures {
  readonly perSecond: number[];
  readonly perCpuSecond: number[];
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

const children: ChildProcess[] = [];

async function start({ command, args, env }: Program, core: string, port: number): Promise<ChildProcess> {
  const child = spawn("taskset", ["-c", core, command, ...args], {
    stdio: "ignore",
    env: { ...process.env, ...env },
  });
  children.push(child);
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}`);
    const isUp = await fetch(`http://127.0.0.1:${port}/small`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (isUp) return child;
    await sleep(50);
  }
  throw new Error(`${command} does not answer`);
}

/** Seconds of user and system time of a process and its threads. */
async function cpuSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

async function load(
  contender: Contender,
  { path, connections, isTls }: Work,
): Promise<{ count: number; seconds: number; cpu: number }> {
  const pid = contender.child.pid as number;
  const before = await cpuSeconds(pid);
  const { plain, tls } = contender.ports;
  const url = isTls ? `https://127.0.0.1:${tls}${path}` : `http://127.0.0.1:${plain}${path}`;
  const { stdout } = await run("taskset", ["-c", OTHER_CORE, "wrk", "-t1", `-c${connections}`, `-d${SECONDS}s`, url]);
  const cpu = (await cpuSeconds(pid)) - before;
  const [, count, seconds] = /(\d+) requests in ([\d.]+)s/.exec(stdout) ?? [];
  if (count === undefined || /Non-2xx|Socket errors/.test(stdout)) throw new Error(`${contender.name}: ${stdout}`);
  return { count: Number(count), seconds: Number(seconds), cpu };
}

async function isInstalled(program: string): Promise<boolean> {
  return run("which", [program]).then(
    () => true,
    () => false,
  );
}

async function startAll(folder: string): Promise<Contender[]> {
  const upstreamPort = await freePort();
  await start(await upstreamProgram(join(folder, "upstream"), upstreamPort), OTHER_CORE, upstreamPort);
  const contenders: Contender[] = [];
  const portsOf = async (): Promise<Ports> => {
    return { plain: await freePort(), tls: await freePort(), upstream: upstreamPort };
  };
  const ownPorts = await portsOf();
  const profile =
    process.env["BENCH_CPU_PROF"] === undefined
      ? []
      : ["--cpu-prof", `--cpu-prof-dir=${process.env["BENCH_CPU_PROF"]}`];
  const worker = join(import.meta.dirname, "gateway-worker.ts");
  const own: Program = {
    command: process.execPath,
    args: ["--conditions=source", ...profile, worker, ...[ownPorts.plain, upstreamPort, ownPorts.tls].map(String)],
  };
  contenders.push({ name: "ours", child: await start(own, PROXY_CORE, ownPorts.plain), ports: ownPorts });
  for (const [name, make] of Object.entries(PEERS)) {
    if (!(await isInstalled(name))) {
      console.log(`${name} is not installed: left out`);
      continue;
    }
    const ports = await portsOf();
    const program = await make(join(folder, name), ports);
    contenders.push({ name, child: await start(program, PROXY_CORE, ports.plain), ports });
  }
  return contenders;
}

async function measure(all: readonly Contender[], work: Work): Promise<Map<string, Figures>> {
  const contenders = work.isTls ? all.filter(({ name }) => name === "ours" || TLS_PEERS.includes(name)) : all;
  const figures = new Map<string, Figures>(contenders.map(({ name }) => [name, { perSecond: [], perCpuSecond: [] }]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const contender of shuffled(contenders)) {
      const { count, seconds, cpu } = await load(contender, work);
      // The first round warms up.
      if (round === 0) continue;
      figures.get(contender.name)?.perSecond.push(count / seconds);
      figures.get(contender.name)?.perCpuSecond.push(count / cpu);
    }
  }
  return figures;
}

const folder = await mkdtemp(join(tmpdir(), "skerry-bench-gateway-"));
try {
  const contenders = await startAll(folder);
  const rows: Row[] = [];
  for (const one of WORKS.filter(({ work }) => work.includes(process.argv[3] ?? ""))) {
    const { work } = one;
    const figures = await measure(contenders, one);
    rows.push(row(work, "req/s", new Map([...figures].map(([name, { perSecond }]) => [name, perSecond]))));
    rows.push(row(work, "req/cpu-s", new Map([...figures].map(([name, { perCpuSecond }]) => [name, perCpuSecond]))));
  }
  finish("gateway", rows);
} finally {
  for (const child of children) {
    child.kill("SIGTERM");
    if (child.exitCode === null) await once(child, "exit");
  }
  await rm(folder, { recursive: true, force: true });
}
