/**
 * How long a person waits for the CLI, beside docker's: one command in the same container of the same engine, the list of
 * containers, and the program alone, taking turns in a new order each round; and what the whole tree of an idle daemon
 * weighs, right after its very first start (nothing is compiled yet) and after a later one (pages of Node's program are
 * shared with this process too: alone it is some 20 MB more). The engine and the daemon are
 * its own, in a network of their own. Needs root and `apt-get install docker.io busybox-static`. The last line is one
 * line of JSON. `npm run bench:exec [-- ROUNDS]`
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { imageRoutes } from "@skerry/core/contract/api/image.ts";
import { finish, type Row, row, shuffled } from "../../core/bench/figures.ts";
import { type DaemonProcess, startDaemonProcess } from "../../daemon/src/testing/daemon-process.ts";
import { type EngineProcess, startEngineProcess } from "../../daemon/src/testing/engine-process.ts";
import { weighTree } from "../../daemon/src/testing/process-tree.ts";

const ROUNDS = Number(process.argv[2] ?? 15);
/** What a start has made is gone by then. */
const SETTLE_MS = 10_000;
const READY_MS = 60_000;
const TICKS_PER_SECOND = 100;
/** As many as there are without the flag. */
const WORKERS = Math.min(availableParallelism(), 4);
const SKERRY = resolve(import.meta.dirname, "../../../node_modules/.bin/skerry");

interface Contender {
  readonly name: string;
  readonly command: readonly string[];
}

async function startDaemon(engine: EngineProcess): Promise<DaemonProcess> {
  const argv = ["--engine-socket", engine.socketPath, "--gateway-workers", `${WORKERS}`];
  const env = { NODE_COMPILE_CACHE: join(engine.directory, "compiled") };
  return startDaemonProcess({ data: join(engine.directory, "skerry"), argv, wrap: engine.inNetwork, env });
}

async function weigh(work: string, daemon: DaemonProcess): Promise<Row> {
  await sleep(SETTLE_MS);
  const weights = await weighTree(daemon.pid);
  return row(work, "MB PSS", new Map([["ours", [weights.reduce((sum, { pssMb }) => sum + pssMb, 0)]]]), "low");
}

/** Resolves with the id of a container that runs. */
async function runContainer(daemon: DaemonProcess, token: string, engine: EngineProcess): Promise<string> {
  const client = daemon.client(token);
  await client.upload(imageRoutes.load, { bytes: createReadStream(engine.imageFile), query: { name: "box" } });
  await client.call(containerRoutes.create, {
    body: { name: "web", spec: { image: "box", command: ["sleep", "1000000"] } },
  });
  const endMs = performance.now() + READY_MS;
  while (performance.now() < endMs) {
    const { status } = await client.call(containerRoutes.get, { params: { name: "web" } });
    if (status?.state === "running")
      return engine.run("docker", "-H", `unix://${engine.socketPath}`, "ps", "-q").trim();
    await sleep(50);
  }
  throw new Error("the container does not run");
}

async function timeOf(command: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  const [program = "", ...argv] = command;
  const startMs = performance.now();
  const child = spawn(program, argv, { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...env } });
  let said = "";
  child.stderr.on("data", (part: Buffer) => {
    said += part.toString();
  });
  const [status] = await once(child, "exit");
  if (status !== 0) throw new Error(`${command.join(" ")} ended with ${status}: ${said}`);
  return performance.now() - startMs;
}

/** Milliseconds of processor time of all that this process has started and that has ended. */
async function childrenCpuMs(): Promise<number> {
  const stat = await readFile("/proc/self/stat", "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND) * 1000;
}

/** `ms` is what a person waits; `cpu-ms`, the mean of what the client's own process works, holds on a busy machine too. */
async function compare(
  work: string,
  contenders: readonly Contender[],
  env: Readonly<Record<string, string>>,
): Promise<Row[]> {
  const waited = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  const worked = new Map<string, number>();
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { name, command } of shuffled(contenders)) {
      const cpuBeforeMs = await childrenCpuMs();
      const elapsedMs = await timeOf(command, env);
      // The first round compiles.
      if (round === 0) continue;
      waited.get(name)?.push(elapsedMs);
      worked.set(name, (worked.get(name) ?? 0) + (await childrenCpuMs()) - cpuBeforeMs);
    }
  }
  const means = new Map(contenders.map(({ name }) => [name, [(worked.get(name) ?? 0) / ROUNDS]]));
  return [row(work, "ms", waited, "low"), row(work, "cpu-ms", means, "low")];
}

await using engine = await startEngineProcess();
const rows: Row[] = [];
{
  await using cold = await startDaemon(engine);
  rows.push(await weigh("idle-first-start", cold));
  await cold.kill("SIGTERM");
}
await using daemon = await startDaemon(engine);
rows.push(await weigh("idle", daemon));
const token = await daemon.login();
const id = await runContainer(daemon, token, engine);
const config = join(engine.directory, "config");
await mkdir(config, { mode: 0o700 });
const context = { name: "bench", socketPath: daemon.socketPath, token };
await writeFile(join(config, "contexts.json"), JSON.stringify({ version: 1, current: "bench", contexts: [context] }));
const env = { SKERRY_CONFIG_DIR: config, DOCKER_HOST: `unix://${engine.socketPath}` };
const both = (ours: readonly string[], docker: readonly string[]): Contender[] => [
  { name: "ours", command: [SKERRY, ...ours] },
  { name: "docker", command: ["docker", ...docker] },
];
rows.push(...(await compare("exec-true", both(["exec", "web", "--", "true"], ["exec", id, "true"]), env)));
rows.push(...(await compare("ps", both(["ps"], ["ps"]), env)));
rows.push(...(await compare("version", both(["--version"], ["--version"]), env)));
finish("exec", rows);
