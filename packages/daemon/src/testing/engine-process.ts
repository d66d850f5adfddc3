/**
 * A real container engine of a test's own: dockerd in a network and mount namespace with directories of its own, so that
 * it shares nothing with an engine that is here already. Ends with the process that started it, whatever becomes of that.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const BUSYBOX_IMAGE = fileURLToPath(new URL("../../../../fixtures/compute/busybox-image.sh", import.meta.url));
const READY_DEADLINE_MS = 60_000;

export interface EngineProcess extends AsyncDisposable {
  readonly directory: string;
  readonly socketPath: string;
  /** A tar of busybox, as `docker save` writes it. */
  readonly imageFile: string;
  /** Begins a command line that runs in the engine's network. */
  readonly inNetwork: readonly string[];
  /** Runs a program in the engine's network. Resolves with what it wrote; throws when it fails. */
  run(program: string, ...parameters: string[]): string;
  /** Starts it again after `kill`. */
  start(): Promise<void>;
  /** SIGKILL: containers are left as they are. */
  kill(): Promise<void>;
  /** SIGTERM: it stops its containers first. */
  stop(): Promise<void>;
  /** Sends it a signal, as SIGSTOP. */
  signal(name: NodeJS.Signals): Promise<void>;
}

export interface EngineProcessOptions {
  /** Of a disk of its own for all that it keeps. Default: the directory's. */
  readonly diskMiB?: number;
}

export async function startEngineProcess(options: EngineProcessOptions = {}): Promise<EngineProcess> {
  await using parts = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "skerry-engine-"));
  parts.defer(() => removeDirectory(directory));
  const imageFile = join(directory, "busybox.tar");
  execFileSync(BUSYBOX_IMAGE, [imageFile], { stdio: ["ignore", "ignore", "inherit"] });
  // Holds the namespaces; ends when its input does.
  const script = "busybox ip link set lo up && echo up && exec cat >&2";
  const holder = spawn("unshare", ["--net", "--mount", "sh", "-c", script], { stdio: ["pipe", "pipe", "ignore"] });
  parts.defer(() => endOf(holder));
  parts.defer(() => endContainers(directory));
  await once(holder.stdout, "data");
  const inNetwork = ["nsenter", `--net=/proc/${holder.pid}/ns/net`, `--mount=/proc/${holder.pid}/ns/mnt`];
  const socketPath = join(directory, "docker.sock");
  let daemon: ChildProcess | undefined;
  parts.defer(async () => {
    if (daemon !== undefined) await endOf(daemon);
  });
  const signal = async (name: NodeJS.Signals) => {
    process.kill(Number(await readFile(join(directory, "dockerd.pid"), "utf8")), name);
  };
  const engine: EngineProcess = {
    ...{ directory, socketPath, imageFile, inNetwork },
    run(program, ...parameters) {
      const [command = "", ...first] = inNetwork;
      return execFileSync(command, [...first, program, ...parameters], { encoding: "utf8", timeout: 60_000 });
    },
    async start() {
      daemon = launch(directory, socketPath, inNetwork);
      await untilReady(daemon, socketPath);
    },
    async kill() {
      if (daemon === undefined) return;
      const ended = once(daemon, "exit");
      await signal("SIGKILL");
      daemon.stdin?.end();
      await ended;
      // Both are gone; a next one would wait for processes that nobody has reaped yet.
      for (const file of ["dockerd.pid", "exec/containerd/containerd.pid"])
        await rm(join(directory, file), { force: true });
    },
    signal,
    async stop() {
      if (daemon !== undefined) await endOf(daemon);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
  if (options.diskMiB !== undefined) {
    const data = join(directory, "data");
    await mkdir(data);
    engine.run("mount", "-t", "tmpfs", "-o", `size=${options.diskMiB}m`, "tmpfs", data);
  }
  await engine.start();
  const owned = parts.move();
  return engine;
}

/** A shell that ends dockerd when its own input ends. */
function launch(directory: string, socketPath: string, inNetwork: readonly string[]): ChildProcess {
  const flags = [
    ...["--data-root", join(directory, "data"), "--exec-root", join(directory, "exec")],
    ...["--pidfile", join(directory, "dockerd.pid"), "--host", `unix://${socketPath}`, "--log-level", "error"],
  ];
  const script = 'dockerd "$@" 2>&1 & pid=$!; cat >/dev/null; kill $pid 2>/dev/null; wait $pid';
  const [command = "", ...first] = inNetwork;
  // An engine that is slow to end leaves a report among the temporary files.
  const env = { ...process.env, TMPDIR: directory };
  return spawn(command, [...first, "sh", "-c", script, "sh", ...flags], { env, stdio: ["pipe", "pipe", "inherit"] });
}

async function untilReady(daemon: ChildProcess, socketPath: string): Promise<void> {
  let said = "";
  daemon.stdout?.on("data", (part: Buffer) => {
    said = (said + part).slice(-4000);
  });
  const endMs = performance.now() + READY_DEADLINE_MS;
  while (!(await answers(socketPath))) {
    if (daemon.exitCode !== null || performance.now() > endMs) throw new Error(`dockerd does not start:\n${said}`);
    await sleep(100);
  }
}

/** Its socket is there before it answers. */
function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.setTimeout(2000, () => socket.destroy());
    socket.on("connect", () => socket.write("GET /_ping HTTP/1.0\r\n\r\n"));
    socket.on("data", (part: Buffer) => {
      resolve(part.toString().includes("200 OK"));
      socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(false));
  });
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.stdin?.end();
  await ended;
}

/** Those that outlived an engine that was killed: each has a process beside it that knows the engine's directory. */
async function endContainers(directory: string): Promise<void> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const processes = await Promise.all(
    pids.map(async (pid) => {
      const read = (file: string) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
      const [words, stat] = [await read("cmdline"), await read("stat")];
      return { pid: Number(pid), words, parent: Number(stat.split(") ")[1]?.split(" ")[1]) };
    }),
  );
  const shims = processes.filter(({ words }) => words.includes("containerd-shim") && words.includes(`${directory}/`));
  const inside = processes.filter(({ parent }) => shims.some(({ pid }) => pid === parent));
  for (const { pid } of [...inside, ...shims]) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** What its containers had open may go a moment after them. */
async function removeDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
}
