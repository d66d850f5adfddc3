/** The daemon as a process: configuration, signals, exit status. `skerry up` and `skerryd` both run this. */
import { homedir } from "node:os";
import { resetPassword } from "@skerry/core/auth/bootstrap.ts";
import { createPasswordHasher } from "@skerry/core/auth/passwords.ts";
import { toSkerryError } from "@skerry/core/domain/errors.ts";
import { realClock as clock } from "@skerry/core/platform/clock.ts";
import { realRandom as random } from "@skerry/core/platform/random.ts";
import { openNedbStore } from "@skerry/core/store/drivers/nedb/nedb.ts";
import { actionOf, assertEnoughStorage, type Config, loadConfig } from "./config/load.ts";
import { reloadable } from "./config/reload.ts";
import { formatConfig, usage } from "./config/show.ts";
import { type DataDirectory, openDataDirectory } from "./data/directory.ts";
import { FIRST_USER, type FirstStart, forgetFirstPassword, readFirstPassword } from "./first-start.ts";
import { compileWorker } from "./gateway/first-worker.ts";
import { type Node, type NodeOptions, startNode } from "./node.ts";
import { recordRequests } from "./requests.ts";
import { createLogger, type DaemonLogger } from "./telemetry/logger.ts";
import { createMetrics } from "./telemetry/metrics.ts";

import { VERSION } from "./version.ts";

export interface DaemonOptions {
  /** Flags, without the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What was typed, for the help. Default: `skerryd`. */
  readonly program?: string;
  /** Before the admin exists for good: what it writes holds when it returns. */
  readonly onFirstStart?: (first: FirstStart) => Promise<void>;
  /** After a first start that failed: nothing of it is left, and what `onFirstStart` was told holds no more. */
  readonly onFirstStartUndone?: () => Promise<void>;
  readonly onReady?: (ready: Ready) => Promise<void>;
}

export interface Ready {
  readonly apiUrl: string;
  /** Of the gateway; absent: this node serves none. */
  readonly httpUrl?: string | undefined;
  readonly httpsUrl?: string | undefined;
  readonly socketPath: string;
  readonly dataDirectory: string;
  readonly firstStart: boolean;
  /** As long as the first password holds. */
  readonly firstPassword?: { readonly userName: string; readonly file: string; readonly password: string };
}

/** Runs until SIGTERM or SIGINT. Resolves with the exit status. @throws what keeps it from starting. */
export async function runDaemon(options: DaemonOptions): Promise<number> {
  process.umask(0o077);
  const action = actionOf(options.argv);
  if (action === "help") return print(usage(options.program));
  if (action === "version") return print(`${VERSION}\n`);
  const config = await readConfig(options);
  if (action === "print-config") return print(formatConfig(config));
  assertEnoughStorage(config);
  const stop = stopSignal();
  const metrics = createMetrics();
  using log = createLogger({ ...config.log, color: process.stdout.isTTY && options.env["NO_COLOR"] === undefined });
  metrics.gauge("skerry_log_dropped_lines", "Lines of the log that could not be written.", () => log.droppedLines);
  crashLoudly(log);
  using _reload = reloadOnHangup(options, config, log);
  await using data = await openDataDirectory(config.data, { version: VERSION });
  if (config.gateway.workers > 0) await compileWorker();
  await using node = await startOrUndo(options, data, {
    config,
    data,
    log,
    metrics,
    onRequest: recordRequests(log, metrics),
    ...(options.onFirstStart === undefined ? {} : { onFirstStart: options.onFirstStart }),
  });
  const { apiUrl, socketPath, firstStart, gateway } = node;
  const { httpUrl, httpsUrl } = gateway;
  log.info({ apiUrl, httpUrl, httpsUrl, socketPath, pid: process.pid }, "ready");
  const password = await readFirstPassword(data.firstPasswordFile);
  const file = data.firstPasswordFile;
  const ready = { apiUrl, httpUrl, httpsUrl, socketPath, dataDirectory: data.path, firstStart };
  await options.onReady?.(
    password === undefined ? ready : { ...ready, firstPassword: { userName: FIRST_USER, file, password } },
  );
  return await untilStopped(stop, node, log);
}

/** A first start that fails leaves nothing, as nobody has got anything from it. */
async function startOrUndo(options: DaemonOptions, data: DataDirectory, start: NodeOptions): Promise<Node> {
  try {
    return await startNode(start);
  } catch (error) {
    // Storage directories elsewhere know the cloud by now: then it stays.
    if (data.created && start.config.storage.directories.length === 0) {
      await data.discard();
      await options.onFirstStartUndone?.();
    }
    throw error;
  }
}

/** A new password for a user of a daemon that does not run. @throws `conflict/locked` when it does. */
export async function resetPasswordOffline(options: {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly name: string;
  readonly password?: string;
}): Promise<{ readonly password: string }> {
  process.umask(0o077);
  const config = await readConfig(options);
  using log = createLogger({ format: "json", level: "error", output: "stderr" });
  const metrics = createMetrics();
  await using data = await openDataDirectory(config.data, { version: VERSION, create: false });
  await using store = await openNedbStore({ clock, random, log, metrics, path: data.storeFile, cluster: data.cluster });
  const hasher = await createPasswordHasher({ random, metrics });
  const password = await resetPassword({ store, clock, random, hasher }, options.name, options.password);
  await forgetFirstPassword(data.firstPasswordFile, options.name);
  return { password };
}

function readConfig(options: Pick<DaemonOptions, "argv" | "env">): Promise<Config> {
  return loadConfig({ argv: options.argv, env: options.env, homeDir: homedir(), isTty: process.stdout.isTTY ?? false });
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

/** One Ctrl-C comes twice under npm: from the terminal, and passed on by npm. */
const SAME_KEY_MS = 500;

/** Resolves with the first signal that asks to stop; another one, a moment later, ends the process at once. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstMs: number | undefined;
    const onSignal = (signal: NodeJS.Signals) => {
      if (firstMs !== undefined && clock.monotonicMs() - firstMs > SAME_KEY_MS) process.exit(1);
      firstMs ??= clock.monotonicMs();
      resolve(signal);
    };
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, onSignal);
  });
}

async function untilStopped(stop: Promise<NodeJS.Signals>, node: Node, log: DaemonLogger): Promise<number> {
  const signal = await stop;
  log.info({ signal }, "draining: requests under way may finish");
  await node.drain();
  log.info({}, "stopped");
  return 0;
}

/** SIGHUP: what can change while it runs changes, what cannot is named; a bad file leaves everything as it is. */
function reloadOnHangup(options: DaemonOptions, initial: Config, log: DaemonLogger): Disposable {
  const reload = async () => {
    log.reopen();
    try {
      const next = await readConfig(options);
      // Against the start: what waits for a restart is named each time.
      const changes = reloadable(initial, next);
      log.setLevel(next.log.level);
      log.setFormat(next.log.format);
      log.info({ changed: changes.live, needRestart: changes.restart }, "configuration reloaded");
    } catch (error) {
      log.error({ error: toSkerryError(error).message }, "configuration not reloaded: the old one stays in force");
    }
  };
  const onHangup = () => void reload();
  process.on("SIGHUP", onHangup);
  return { [Symbol.dispose]: () => void process.off("SIGHUP", onHangup) };
}

/** What nobody caught leaves the process in an unknown state: it says why and ends; the next start recovers. */
function crashLoudly(log: DaemonLogger): void {
  const crash = (error: unknown) => {
    log.error({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }, "crashed");
    log[Symbol.dispose](); // waits shortly for a slow reader
    process.exit(1);
  };
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);
}

if (import.meta.main) {
  try {
    process.exitCode = await runDaemon({ argv: process.argv.slice(2), env: process.env });
  } catch (thrown) {
    const error = toSkerryError(thrown);
    process.stderr.write(`skerryd: ${error.message}\n${error.hint === undefined ? "" : `${error.hint}\n`}`);
    if (error.cause !== undefined && error.code === "internal") console.error(error.cause);
    process.exitCode = error.exitStatus;
  }
}
