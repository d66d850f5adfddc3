/** The screens and real containers: a log of a thousand lines a second, a shell and back, and the terminal as it was. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { imageRoutes } from "@skerry/core/contract/api/image.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";
import { type EngineProcess, startEngineProcess } from "../src/testing/engine-process.ts";
import { assertScreen } from "../src/testing/screen-golden.ts";
import { Tmux } from "../src/testing/tmux.ts";

const SKERRY = fileURLToPath(new URL("../../cli/bin/skerry", import.meta.url));
/** More than a thousand lines a second, numbered. */
const CHATTY =
  'i=0; while :; do j=0; while [ $j -lt 120 ]; do i=$((i+1)); j=$((j+1)); echo "line $i of many"; done; usleep 100000; done';
const LONG = "printf 'begins%0300dends\\n' 0; printf '\\033]0;title\\007\\033[31mred\\033[0m\\n'; exec sleep 1000";
/** As fast as it can, and then it ends. */
const BRIEF = "seq 900 | sed 's/^/number /'";
const SECONDS = 5;

const parts = new AsyncDisposableStack();
let engine: EngineProcess;
let daemon: DaemonProcess;
let client: Client;

before(async () => {
  engine = parts.use(await startEngineProcess());
  const argv = ["--engine-socket", engine.socketPath, "--node-name", "skerry-1"];
  daemon = parts.use(
    await startDaemonProcess({ data: join(engine.directory, "skerry"), argv, wrap: engine.inNetwork }),
  );
  const token = await daemon.login();
  client = daemon.client(token);
  await client.upload(imageRoutes.load, { bytes: createReadStream(engine.imageFile), query: { name: "box" } });
  for (const [name, script] of [
    ["chatty", CHATTY],
    ["long", LONG],
    ["web", "exec sleep 1000"],
  ] as const) {
    const spec = { image: "box", command: ["sh", "-c", script] };
    await client.call(containerRoutes.create, { body: { name, spec } });
  }
  await client.call(containerRoutes.create, {
    body: { name: "brief", spec: { image: "box", command: ["sh", "-c", BRIEF], restart: "never" } },
  });
  const contexts = [{ name: "home", socketPath: daemon.socketPath, user: "admin", token }];
  await mkdir(join(engine.directory, "config"), { mode: 0o700 });
  const text = JSON.stringify({ version: 1, current: "home", contexts });
  await writeFile(join(engine.directory, "config/contexts.json"), text, { mode: 0o600 });
});
after(() => parts.disposeAsync());

const modeFile = (when: "before" | "after") => join(engine.directory, `stty-${when}`);

/** The app, with the row of this container chosen. */
async function open(name?: string, size: { columns: number; rows: number } = { columns: 80, rows: 24 }): Promise<Tmux> {
  const env = { SKERRY_CONFIG_DIR: join(engine.directory, "config"), HOME: engine.directory };
  const command = `stty -g >${modeFile("before")}; ${SKERRY} ui; s=$?; stty -g >${modeFile("after")}; (exit $s)`;
  const tmux = await Tmux.start({ ...size, env, command });
  try {
    await tmux.until("all run", (text) => /● ok .*● live/.test(text) && settled(text));
    if (name !== undefined) {
      await tmux.type(`/${name}\r`);
      await tmux.until("chosen", (text) => text.includes(`▸ ${name}`) && text.includes("1 of 4"));
    }
    return tmux;
  } catch (error) {
    await tmux[Symbol.asyncDispose]();
    throw error;
  }
}

/** The main screen with its cursor, the terminal's mode to the letter, and a status. */
async function assertRestored(tmux: Tmux, status: number): Promise<void> {
  await tmux.until("the shell again", (text) => text.startsWith("before\n") && text.includes(`left with ${status}`));
  assert.equal(await tmux.ask("#{alternate_on} #{cursor_flag} #{mouse_any_flag}"), "0 1 0");
  assert.equal(await readFile(modeFile("after"), "utf8"), await readFile(modeFile("before"), "utf8"));
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return text.split(" ").filter(Boolean).map(Number);
}

async function programOf(tmux: Tmux): Promise<number> {
  const [program] = await childrenOf(Number(await tmux.ask("#{pane_pid}")));
  return program ?? assert.fail("it runs");
}

/** Three run, and one has ended. */
function settled(text: string): boolean {
  return text.match(/ running /g)?.length === 3 && / brief .* exited /.test(text);
}

/** In hundredths of a second. */
async function processorTime(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

function numbersOf(rows: readonly string[]): number[] {
  return rows.flatMap((row) => /│ line (\d+) of many/.exec(row)?.[1] ?? []).map(Number);
}

test("containers at 80 columns and at 140", async () => {
  for (const [name, columns, rows] of [
    ["containers-running", 80, 24],
    ["containers-wide", 140, 30],
  ] as const) {
    await using tmux = await open(undefined, { columns, rows });
    assertScreen(name, await tmux.screen(), steady);
    await tmux.keys("q");
    await assertRestored(tmux, 0);
  }
});

/** No number is the same twice. */
function numberless(row: string): string {
  return row.replace(/\d{3,}/g, "1234");
}

/** Addresses by the order of starts; after a minute the wider age takes the last place of the reason. */
function steady(row: string): string {
  return row.replace(/10\.199\.0\.\d/, "10.199.0.2").replace("with exit code…", "with exit code 0");
}

test("a thousand lines a second from a real container: ten frames a second, none lost, pause, search, follow", async (t) => {
  await using tmux = await open("chatty");
  const pid = await programOf(tmux);
  await tmux.keys("Enter");
  await tmux.passing("following", (text) => text.includes("following") && numbersOf(text.split("\n")).length === 19);
  const written = join(engine.directory, "written");
  await tmux.record(written);
  const [first] = numbersOf(await tmux.screen());
  const before = await processorTime(pid);
  await sleep(SECONDS * 1000);
  const spent = (await processorTime(pid)) - before;
  const [last] = numbersOf(await tmux.screen());
  const frames = (await readFile(written, "latin1")).split("\x1b[?2026h").length - 1;
  const lines = (last ?? 0) - (first ?? 0);
  t.diagnostic(`${lines / SECONDS} lines/s, ${frames / SECONDS} frames/s, ${spent / SECONDS} % of a core`);
  assert.ok(frames <= SECONDS * 10 + 5, `${frames} frames in ${SECONDS} s`);
  assert.ok(frames >= SECONDS && lines > 0, "it moves");

  await tmux.keys("Space");
  const paused = await tmux.until("paused", (text) => text.includes("stopped here"));
  const shown = numbersOf(paused);
  assert.deepEqual(
    shown,
    Array.from({ length: 19 }, (_, i) => (shown[0] ?? 0) + i),
    "each line, in order",
  );
  await sleep(1000);
  assert.deepEqual(numbersOf(await tmux.screen()), shown, "it stands still while more come");
  assertScreen("container-log", paused, numberless);
  await tmux.type("/7 of\r");
  const found = await tmux.passing(
    "found",
    (text) => / of \d+ {2}\/7 of/.test(text) && numbersOf(text.split("\n")).length > 5,
  );
  assert.ok(numbersOf(found).every((number) => number % 10 === 7));
  await tmux.keys("Escape", "G");
  await tmux.passing("all, at the end", (text) => text.includes("following") && !text.includes("/7 of"));
  await tmux.keys("q", "q");
  await assertRestored(tmux, 0);
});

test("long lines are cut, or broken; what would steer the terminal is text", async () => {
  await using tmux = await open("long");
  await tmux.keys("Enter");
  const cut = await tmux.until("cut", (text) => /begins0+…/.test(text) && text.includes("following"));
  assert.ok(cut.some((row) => row.includes("\\x1b]0;title\\x07red")));
  await tmux.keys("w");
  assertScreen("container-log-wrapped", await tmux.until("broken", (text) => /0+ends/.test(text)));
  await tmux.keys("q", "q");
  await assertRestored(tmux, 0);
});

test("a log that has ended is all there, from its first line to its last, and says so", async () => {
  await using tmux = await open("brief");
  await tmux.keys("Enter");
  const end = await tmux.until("its end", (text) => text.includes("it has ended") && text.includes("number 900 "));
  assertScreen("container-log-ended", end);
  await tmux.keys("g");
  await tmux.until("its beginning", (text) => text.includes("│ number 1 ") && text.includes("log of brief  900"));
  await tmux.keys("q", "q");
  await assertRestored(tmux, 0);
});

test("stop, start and restart; a new container of an image, by hand", async () => {
  await using tmux = await open("web");
  await tmux.keys("x");
  await tmux.until("stopped", (text) => /▸ web .* stopped /.test(text) && text.includes("container web stops"));
  await tmux.keys("R");
  await tmux.until("started", (text) => /▸ web .* running /.test(text));
  const startedAt = async () => (await client.call(containerRoutes.get, { params: { name: "web" } })).status?.startedAt;
  const before = await startedAt();
  await tmux.keys("R");
  await tmux.until("again", (text) => text.includes("container web starts again") && /▸ web .* running /.test(text));
  assert.notEqual(await startedAt(), before);
  await tmux.keys("Escape", "n");
  await tmux.type("box\rmade\rexec sleep 1000");
  assertScreen(
    "new-container",
    await tmux.until("what was typed", (text) => text.includes("> exec sleep 1000▏")),
    steady,
  );
  await tmux.keys("Enter");
  await tmux.until("it runs", (text) => /▸ made .* running /.test(text) && text.includes("container made created"));
  await tmux.keys("d");
  await tmux.type("made\r");
  await tmux.until("it has gone", (text) => text.includes("Containers  4 ") && !text.includes("▸ made"));
  await tmux.keys("q");
  await assertRestored(tmux, 0);
});

test("a shell in the container, and back: twice, with what it was told", async () => {
  await using tmux = await open("web");
  for (const word of ["first", "second"]) {
    await tmux.keys("e");
    await tmux.until("the shell", (text) => /[$#]$/.test(text.trimEnd()) && !text.includes("Containers"));
    assert.equal(await tmux.ask("#{alternate_on} #{cursor_flag}"), "0 1");
    await tmux.type(`echo ${word}-$((6*7)) q; hostname >/dev/null\r`);
    const rows = await tmux.until("the answer", (text) => text.includes(`\n${word}-42 q`));
    if (word === "first") assertText(rows, /echo first-\$\(\(6\*7\)\) q/);
    await tmux.type("exit\r");
    await tmux.until("back", (text) => text.includes("shell ended with 0") && text.includes("▸ web"));
    assert.equal(await tmux.ask("#{alternate_on} #{cursor_flag}"), "1 0");
  }
  await tmux.keys("q");
  await assertRestored(tmux, 0);
});

function assertText(rows: readonly string[], wanted: RegExp): void {
  assert.match(rows.join("\n"), wanted);
}

async function inShell(tmux: Tmux): Promise<void> {
  await tmux.keys("e");
  await tmux.until("the shell", (text) => /[$#]$/.test(text.trimEnd()) && !text.includes("Containers"));
}

test("the container dies under the shell: it is said, Enter goes back, and the screen shows what became of it", async () => {
  await using tmux = await open("web");
  await inShell(tmux);
  const { meta } = await client.call(containerRoutes.get, { params: { name: "web" } });
  engine.run("docker", "-H", `unix://${engine.socketPath}`, "kill", `skerry-${meta.uid}`);
  await tmux.until("it is said", (text) => /it ended with \d+; Enter goes back/.test(text));
  await tmux.keys("Enter");
  await tmux.until("back", (text) => /shell ended with \d+/.test(text) && text.includes("▸ web"));
  await tmux.until("it has been started again", (text) => /▸ web .*running +1 /.test(text));
  await tmux.keys("q");
  await assertRestored(tmux, 0);
});

test("the shell's own process is killed: the terminal can be typed in, and the screens come back", async () => {
  await using tmux = await open("web");
  await inShell(tmux);
  const [shell = 0] = await childrenOf(await programOf(tmux));
  process.kill(shell, "SIGKILL");
  await tmux.until("it is said", (text) => text.includes("it ended with 137; Enter goes back"));
  await tmux.keys("Enter");
  await tmux.until("back", (text) => text.includes("shell ended with 137") && text.includes("▸ web"));
  await tmux.keys("q");
  await assertRestored(tmux, 0);
});

for (const [signal, status] of [
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  test(`${signal} while a shell has the terminal: both end, and the terminal is as it was`, async () => {
    await using tmux = await open("web");
    await inShell(tmux);
    const program = await programOf(tmux);
    const [shell = 0] = await childrenOf(program);
    process.kill(program, signal);
    await assertRestored(tmux, status);
    assert.ok(!(await readdir("/proc")).includes(String(shell)), "the shell's process has ended");
  });
}

test("SIGINT to the screens leaves as Ctrl-C does; keys typed while they load are theirs", async () => {
  const env = { SKERRY_CONFIG_DIR: join(engine.directory, "config"), HOME: engine.directory };
  const command = `stty -g >${modeFile("before")}; ${SKERRY} ui; s=$?; stty -g >${modeFile("after")}; (exit $s)`;
  await using tmux = await Tmux.start({ columns: 80, rows: 24, env, command });
  const tty = await tmux.ask("#{pane_tty}");
  // Nothing is shown of what is typed from here on, long before there is a screen.
  while (execFileSync("stty", ["-F", tty, "-a"], { encoding: "utf8" }).includes(" icanon")) await sleep(5);
  await tmux.keys("3");
  const rows = await tmux.until("the buckets", (text) => /● ok .*● live/.test(text) && text.includes("╭─ Buckets"));
  assert.match(rows[0] ?? "", /^ Skerry {2}● ok/);
  process.kill(await programOf(tmux), "SIGINT");
  await assertRestored(tmux, 130);
});
