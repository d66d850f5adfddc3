/** The real daemon as a child process: for journeys that kill it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { Client } from "@skerry/core/contract/client/client.ts";
import { createHttpTransport } from "@skerry/core/contract/client/http.ts";
import { createTerminalTransport } from "@skerry/core/contract/client/terminal.ts";

const SKERRYD = fileURLToPath(new URL("../../bin/skerryd", import.meta.url));
const READY_DEADLINE_MS = 30_000;
/** They write into its folder no more then. */
const WORKERS_END_MS = 20_000;

export interface DaemonProcess extends AsyncDisposable {
  readonly pid: number;
  readonly apiUrl: string;
  /** Of the gateway, when it has workers. */
  readonly httpUrl: string | undefined;
  readonly httpsUrl: string | undefined;
  readonly socketPath: string;
  /** From the start of the process to its line "ready". */
  readonly readyMs: number;
  /** Lines of the log, as they came. */
  readonly lines: readonly string[];
  client(token?: string): Client;
  /** Logs in as the admin with the first password. */
  login(): Promise<string>;
  /** SIGKILL by default. Resolves when the process has ended, with its status. */
  kill(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface DaemonProcessOptions {
  readonly data: string;
  readonly argv?: readonly string[];
  /** Default: any free port. */
  readonly listenApi?: string;
  /** Default: the launcher. Else a command that runs it, e.g. strace. */
  readonly wrap?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** @throws when it ends before it is ready, with what it said. */
export async function startDaemonProcess(options: DaemonProcessOptions): Promise<DaemonProcess> {
  const startedMs = performance.now();
  const { data, listenApi = "127.0.0.1:0", argv = [] } = options;
  const ports = ["--listen-http", "--listen-https"].flatMap((flag) =>
    argv.includes(flag) ? [] : [flag, "127.0.0.1:0"],
  );
  // Most journeys need no gateway, and a worker is a process.
  const workers = argv.includes("--gateway-workers") ? [] : ["--gateway-workers", "0"];
  const flags = ["--data", data, "--listen-api", listenApi, ...ports, ...workers, "--log-format", "json", ...argv];
  const [command = SKERRYD, ...args] = [...(options.wrap ?? []), SKERRYD, ...flags];
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
  });
  const lines: string[] = [];
  const ready = await untilReady(child, lines);
  const transport = createHttpTransport({ socketPath: ready.socketPath });
  const openTerminal = createTerminalTransport({ socketPath: ready.socketPath });
  const orphans = new Set<number>();
  return {
    pid: ready.pid,
    apiUrl: ready.apiUrl,
    httpUrl: ready.httpUrl,
    httpsUrl: ready.httpsUrl,
    socketPath: ready.socketPath,
    readyMs: performance.now() - startedMs,
    lines,
    client: (token) => new Client({ transport, openTerminal, ...(token === undefined ? {} : { token }) }),
    async login() {
      const password = (await readFile(join(options.data, "first-password"), "utf8")).trim();
      return (await new Client({ transport }).call(sessionRoutes.create, { body: { name: "admin", password } })).token;
    },
    async kill(signal = "SIGKILL") {
      for (const pid of await childrenOf(ready.pid)) orphans.add(pid);
      return end(child, ready.pid, signal);
    },
    async [Symbol.asyncDispose]() {
      for (const pid of await childrenOf(ready.pid)) orphans.add(pid);
      await end(child, ready.pid, "SIGKILL");
      // They would see that it is gone, and end what is under way first.
      for (const pid of orphans) killIfThere(pid);
      for (const deadlineMs = performance.now() + WORKERS_END_MS; performance.now() < deadlineMs; await sleep(20)) {
        if (!(await Promise.all([...orphans].map(isRunning))).includes(true)) return;
      }
      throw new Error("The daemon's workers outlive it.");
    },
  };
}

/** None when it has ended. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return text.split(" ").filter(Boolean).map(Number);
}

/** One that has ended is there until somebody asks for its status, and runs no more. */
async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && !/\) [ZX] /.test(stat);
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

interface ReadyLine {
  readonly pid: number;
  readonly apiUrl: string;
  readonly httpUrl?: string;
  readonly httpsUrl?: string;
  readonly socketPath: string;
}

async function untilReady(child: ChildProcess, lines: string[]): Promise<ReadyLine> {
  const said: string[] = [];
  child.stderr?.on("data", (part: Buffer) => said.push(part.toString()));
  const { stdout } = child;
  if (stdout === null) throw new Error("no standard output");
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => fail("was not ready in time"), READY_DEADLINE_MS);
    const fail = (why: string) => {
      clearTimeout(deadline);
      child.kill("SIGKILL");
      reject(new Error(`the daemon ${why}: ${said.join("")}${lines.join("\n")}`));
    };
    child.once("exit", (status) => fail(`ended with ${status} before it was ready`));
    createInterface({ input: stdout }).on("line", (line) => {
      lines.push(line);
      if (!line.includes('"msg":"ready"')) return;
      clearTimeout(deadline);
      child.removeAllListeners("exit");
      resolve(JSON.parse(line) as ReadyLine);
    });
  });
}

async function end(child: ChildProcess, pid: number, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ended = once(child, "exit");
  process.kill(pid, signal);
  await ended;
  return child.exitCode;
}
