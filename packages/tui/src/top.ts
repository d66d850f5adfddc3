/** `skerry top`: asks for the figures here, draws them in a child process. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { escapeText } from "@skerry/core/contract/present/escape.ts";
import { measure, measureOnce, readMetrics } from "./hooks/metrics.ts";
import { COLOR_VARIABLE, TITLE_VARIABLE, type TopMessage } from "./top/message.ts";
import type { Sample } from "./top/metrics.ts";

const CHARTS = new URL(import.meta.url.endsWith(".ts") ? "./top/charts.ts" : "./top/charts.js", import.meta.url);
const EVERY_MS = 2000;
/** Main screen, cursor, no mouse: for charts that were killed before they could say it. */
const RESTORE = "\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[0m";

export interface TopOptions {
  readonly client: Client;
  /** Name of the context that the client talks to. */
  readonly context: string;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly color: boolean;
  /** For the child; nothing in it is read here. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/**
 * Resolves when the user leaves, or the signal aborts.
 * @throws what the server answers to who may not read the metrics; `internal` when the charts break.
 */
export async function runTop(options: TopOptions): Promise<void> {
  const { client, stdin, stdout, signal } = options;
  const first = await readMetrics(client, signal);
  // Remembers how the terminal is, so that it can be made so again whatever becomes of the child.
  stdin.setRawMode(true).setRawMode(false);
  const child = draw(options);
  const ended = new AbortController();
  const exit = once(child, "exit") as Promise<[status: number | null, signal: string | null]>;
  const stop = () => void (child.connected && child.disconnect());
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (signal.aborted) stop();
    const fed = feed(child, measure(client, first, EVERY_MS, ended.signal));
    const [status, by] = await exit;
    ended.abort();
    await fed;
    if (status === 0 || signal.aborted) return;
    stdin.setRawMode(true).setRawMode(false);
    stdout.write(RESTORE);
    throw new SkerryError("internal", `The charts ended unexpectedly (${by ?? `status ${status}`}).`, {
      hint: "skerry ui and skerry top -o json show the cloud without them.",
    });
  } finally {
    ended.abort();
    signal.removeEventListener("abort", stop);
  }
}

/** What happened within two seconds. @throws what the server answers to who may not read the metrics. */
export function readTop(client: Client, signal: AbortSignal): Promise<Sample> {
  return measureOnce(client, EVERY_MS, signal);
}

/** The token does not go there: it gets figures through its channel, and ends when that closes. */
function draw({ context, color, env }: TopOptions): ChildProcess {
  const { SKERRY_TOKEN: _, ...rest } = env;
  const title = `Skerry  ${escapeText(context)}`;
  return spawn(process.execPath, [...process.execArgv, fileURLToPath(CHARTS)], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    // Lines as Unicode: what terminals make of the older alternate characters differs.
    env: { ...rest, NCURSES_NO_UTF8_ACS: "1", [TITLE_VARIABLE]: title, [COLOR_VARIABLE]: color ? "1" : "0" },
  });
}

async function feed(child: ChildProcess, measured: ReturnType<typeof measure>): Promise<void> {
  for await (const one of measured) {
    if (!child.connected) return;
    const message: TopMessage =
      "sample" in one
        ? { kind: "sample", sample: one.sample }
        : { kind: "lost", reason: escapeText(one.error.message) };
    child.send(message);
  }
}
