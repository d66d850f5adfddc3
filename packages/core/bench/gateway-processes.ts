/** Processes of the benchmark: each on its core, ended with it however it ends, and what they have used. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

export const run = promisify(execFile);
export const PROXY_CORE = "0";
export const OTHER_CORE = "1";
const TICKS_PER_SECOND = 100;
const UP_WITHIN_MS = 10_000;
const END_WITHIN_MS = 3000;
const SAID_LENGTH = 2000;

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** With a control pipe, as `fork` makes one. */
  readonly ipc?: boolean;
  /** After its start. */
  readonly onStart?: (child: ChildProcess) => void;
  /** Ends it; without, SIGTERM does. */
  readonly end?: (child: ChildProcess) => void;
}

const children = new Map<ChildProcess, Program>();

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** For `setpriv`: the kernel kills it when this process ends, also by SIGKILL. */
function pinned(core: string, command: string, args: readonly string[]): string[] {
  return ["--pdeathsig", "KILL", "taskset", "-c", core, command, ...args];
}

/** Resolves when the port takes connections. */
export async function start(program: Program, core: string, port: number): Promise<ChildProcess> {
  const { command, args, env, ipc, onStart } = program;
  const child = spawn("setpriv", pinned(core, command, args), {
    stdio: ["ignore", "ignore", ...(ipc ? (["inherit", "ipc"] as const) : (["pipe"] as const))],
    env: { ...process.env, ...env },
  });
  children.set(child, program);
  onStart?.(child);
  let said = "";
  child.stderr?.on("data", (text: Buffer) => {
    said = (said + text).slice(-SAID_LENGTH);
  });
  for (const deadline = Date.now() + UP_WITHIN_MS; Date.now() < deadline; await sleep(50)) {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}: ${said}`);
    if (await takesConnections(port)) return child;
  }
  throw new Error(`${command} does not listen`);
}

async function takesConnections(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

export async function end(child: ChildProcess): Promise<void> {
  const program = children.get(child);
  children.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  if (program?.end !== undefined) program.end(child);
  else child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), END_WITHIN_MS);
  await ended;
  clearTimeout(late);
}

export async function endAll(): Promise<void> {
  await Promise.all([...children.keys()].map(end));
}

/** Seconds of user and system time of a process and its threads. */
export async function cpuSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Runs a program beside the upstream, not on the proxy's core; its output. */
export async function runLoad(command: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  const { stdout } = await run("setpriv", pinned(OTHER_CORE, command, args), { signal });
  return stdout;
}

export async function isInstalled(program: string): Promise<boolean> {
  return run("which", [program]).then(
    () => true,
    () => false,
  );
}
