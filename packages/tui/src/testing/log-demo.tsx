/**
 * The app over a generated log, for journeys: LINES a second for SECONDS, then the end. When it is left it says how many
 * lines there were, how many frames were drawn while they came, and the processor time.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { runTui } from "../run.tsx";
import { callOf, defineScreen, snapshotOf } from "../screens/screen.ts";
import { FakeDaemon, Stream } from "./fake-daemon.ts";

const [linesPerSecond = 1000, seconds = 5] = process.argv.slice(2).map(Number);
const STEP_MS = 20;
const COLORS = ["\x1b[32mINFO\x1b[0m", "\x1b[33mWARN\x1b[0m", "\x1b[1;31mERROR\x1b[0m"];

let written = 0;
let frames = 0;
let coming = false;

async function* generate(): AsyncGenerator<Uint8Array> {
  coming = true;
  const startedMs = performance.now();
  while (written < linesPerSecond * seconds) {
    const due = Math.min(linesPerSecond * seconds, ((performance.now() - startedMs) * linesPerSecond) / 1000);
    let text = "";
    while (written < due) {
      written++;
      text += `${COLORS[written % 3]} request ${written} GET /v1/things/${written * 7919} 200\t1.3 ms\n`;
    }
    if (text !== "") yield Buffer.from(text);
    await sleep(STEP_MS);
  }
  coming = false;
}

const daemon = new FakeDaemon((target) => {
  if (target === "/metrics") return { bytes: generate() };
  if (target === "/v1/status") return { status: 403, json: { status: 403, code: "forbidden" } };
  if (target.includes("watch=1")) return { stream: new Stream() };
  return { json: { items: [], revision: 1, userName: "demo" } };
});

const screen = defineScreen<{ readonly name: string }>({
  id: "thing",
  title: "Things",
  presentation: { kind: "thing", nameOf: ({ name }) => name, columns: [{ title: "NAME", cell: ({ name }) => name }] },
  source: snapshotOf(nodeRoutes.jobs, {}, () => [{ name: "web" }]),
  idOf: ({ name }) => name,
  enter: ({ name }) => ({
    kind: "log",
    title: `log of ${name}`,
    source: { call: () => callOf(nodeRoutes.metrics) },
  }),
  enterDoes: "log",
  empty: "",
  keys: [{ key: "e", does: "shell", intent: () => ({ kind: "command", words: ["shell"] }) }],
});

// What Ink writes in one go is a frame; the cursor alone is not.
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = ((chunk: string, ...rest: never[]) => {
  if (coming && chunk.length > 64) frames++;
  return write(chunk, ...rest);
}) as typeof process.stdout.write;

const { stdin, stdout } = process;
const { signal } = new AbortController();
await runTui({
  client: daemon.client,
  context: "demo",
  stdin,
  stdout,
  color: true,
  nowMs: Date.now,
  signal,
  runCommand: async () => {
    const script = 'echo at the shell; read -r line; echo "got $line"; read -r last; [ "$last" = bye ]';
    const shell = spawn("sh", ["-c", script], { stdio: "inherit" });
    const [status] = (await once(shell, "exit")) as [number];
    return status;
  },
  screens: [screen],
});
const { user, system } = process.cpuUsage();
console.log(`lines ${written} frames ${frames} seconds ${seconds} cpu ${Math.round((user + system) / 1000)} ms`);
process.exit(0);
