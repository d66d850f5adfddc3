/**
 * One run of node:test over some files, in a world of its own: a private temporary directory that is also HOME, an
 * environment that holds nothing of the user's, a hard limit of time, and a look at what is left behind.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Account, type Counts, readAccount } from "./events.ts";
import { clearLeftovers, findLeftovers } from "./leftovers.ts";

export interface RunOptions {
  /** Directory in which the tests run; `files` are relative to it. */
  readonly root: string;
  readonly files: readonly string[];
  readonly tier: "quick" | "full";
  /** In CI a skipped test is a failure, and nobody else makes directories of ours meanwhile. */
  readonly ci: boolean;
  /** The whole run ends by then. */
  readonly limitMs: number;
  /** A file that runs longer has failed. */
  readonly fileLimitMs: number;
  /** Only tests whose name, after those of their suites, contains this. */
  readonly only?: string;
  /** Keeps node:test's report for the result instead of printing it. */
  readonly quiet?: boolean;
}

export interface RunResult {
  /** What is wrong, in words; empty when all is well. */
  readonly troubles: readonly string[];
  readonly counts: Counts;
  readonly durationMs: number;
  readonly failed: readonly string[];
  /** What node:test reported; empty unless `quiet`. */
  readonly report: string;
}

const NONE: Counts = { tests: 0, suites: 0, passed: 0, failed: 0, cancelled: 0, skipped: 0, todo: 0 };
/** A process that was told to stop may need this long to be gone. */
const SETTLE_MS = 3000;

export async function runTests(options: RunOptions): Promise<RunResult> {
  const outer = mkdtempSync(join(realpathSync(tmpdir()), "skerry-test-"));
  const temporary = join(outer, "t");
  mkdirSync(temporary, { mode: 0o700 });
  mkdirSync(join(outer, "home"), { mode: 0o700 });
  const events = join(outer, "events.jsonl");
  const before = strays();
  try {
    const { status, timedOut } = await nodeTest(options, outer, events);
    const account = readAccount(events);
    const report = options.quiet ? readFileSync(join(outer, "report"), "utf8") : "";
    const troubles = [
      ...(timedOut ? [timeoutText(options.limitMs, account)] : []),
      ...(status === 0 || timedOut ? [] : [`node --test ended with ${status}`]),
      ...(account.counts || timedOut ? [] : ["node --test gave no summary"]),
      ...(account.counts?.tests === 0 ? ["no test ran"] : []),
      ...account.lost,
      ...(options.ci && account.skipped.length > 0
        ? [`skipped, which CI refuses:\n  ${account.skipped.join("\n  ")}`]
        : []),
      ...(await leftBehind(outer, temporary)),
      ...(options.ci ? list("outside TMPDIR", [...strays().difference(before)]) : []),
    ];
    return { troubles, counts: account.counts ?? NONE, durationMs: account.durationMs, failed: account.failed, report };
  } finally {
    rmSync(outer, { recursive: true, force: true, maxRetries: 3 });
  }
}

function timeoutText(limitMs: number, { open }: Account): string {
  return `stopped after ${Math.round(limitMs / 1000)} s; these were running:\n  ${open.join("\n  ")}`;
}

/** Nothing of the user's and nothing that colours or configures us; the rest is the same on every machine. */
function environment(options: RunOptions, outer: string): NodeJS.ProcessEnv {
  const kept = [
    "PATH",
    "USER",
    "LOGNAME",
    "TERM",
    "CI",
    "NODE_EXTRA_CA_CERTS",
    "http_proxy",
    "https_proxy",
    "no_proxy",
  ];
  // Seeds of property tests and the like, which a person sets to repeat a run.
  kept.push(...Object.keys(process.env).filter((name) => name.startsWith("SKERRY_TEST_")));
  const home = join(outer, "home");
  return {
    ...Object.fromEntries(
      kept.filter((name) => process.env[name] !== undefined).map((name) => [name, process.env[name]]),
    ),
    PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
    LANG: "C.UTF-8",
    TZ: "UTC",
    SHELL: "/bin/sh",
    HOME: home,
    XDG_CONFIG_HOME: join(home, ".config"),
    XDG_DATA_HOME: join(home, ".local/share"),
    XDG_CACHE_HOME: join(home, ".cache"),
    SKERRY_CONFIG_DIR: join(home, ".config/skerry"),
    SKERRY_TEST_TIER: options.tier,
    TMPDIR: join(outer, "t"),
  };
}

async function nodeTest(
  options: RunOptions,
  outer: string,
  events: string,
): Promise<{ status: string | number; timedOut: boolean }> {
  const reporters = [
    "--test-reporter=spec",
    `--test-reporter-destination=${options.quiet ? join(outer, "report") : "stdout"}`,
    `--test-reporter=${resolve(import.meta.dirname, "events.ts")}`,
    `--test-reporter-destination=${events}`,
  ];
  const limits = [`--test-concurrency=${Math.min(availableParallelism(), 4)}`, `--test-timeout=${options.fileLimitMs}`];
  const only = options.only === undefined ? [] : [`--test-name-pattern=${RegExp.escape(options.only)}`];
  const tsx = `--import=${resolve(import.meta.dirname, "../tsx/register.ts")}`;
  const parameters = ["--conditions=source", tsx, "--test", ...limits, ...only, ...reporters, ...options.files];
  const child = spawn(process.execPath, parameters, {
    cwd: options.root,
    env: environment(options, outer),
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
  });
  const stop = (): void => {
    killGroup(child);
    rmSync(outer, { recursive: true, force: true });
  };
  process.once("exit", stop);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(child);
  }, options.limitMs);
  try {
    const status = await new Promise<string | number>((done, fail) => {
      child.on("error", fail);
      child.on("exit", (code, signal) => done(code ?? signal ?? "nothing"));
    });
    return { status, timedOut };
  } finally {
    clearTimeout(timer);
    process.removeListener("exit", stop);
  }
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** What the tests left, in words. Processes get a moment to end; what is left is ended, so that nothing stays either way. */
async function leftBehind(outer: string, temporary: string): Promise<string[]> {
  let left = findLeftovers(temporary);
  for (let waitedMs = 0; left.processes.length > 0 && waitedMs < SETTLE_MS; waitedMs += 100) {
    await sleep(100);
    left = findLeftovers(temporary);
  }
  clearLeftovers(left);
  const home = ["home/.config/skerry", "home/.local/share/skerry"].filter((path) => existsSync(join(outer, path)));
  return [
    ...list("in TMPDIR", left.files),
    ...list("in HOME", home),
    ...list(
      "processes (ended now)",
      left.processes.map(({ pid, command }) => `${pid} ${command}`),
    ),
    ...list("mounts (unmounted now)", left.mounts),
  ];
}

function list(what: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [`left behind, ${what}:\n  ${items.join("\n  ")}`];
}

/** Directories of ours in the system's temporary directory, other than those of test runs. */
function strays(): Set<string> {
  const names = readdirSync(tmpdir()).filter((name) => name.startsWith("skerry-") && !name.startsWith("skerry-test-"));
  return new Set(names.map((name) => join(tmpdir(), name)));
}
