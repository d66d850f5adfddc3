/** `skerry top` on a real terminal against a real daemon. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";
import { assertScreen } from "../src/testing/screen-golden.ts";
import { Tmux } from "../src/testing/tmux.ts";

const run = promisify(execFile);
const SKERRY = fileURLToPath(new URL("../../cli/bin/skerry", import.meta.url));

interface RouteFigures {
  readonly route: string;
  readonly perSecond: number;
  readonly errorsPerSecond: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
}

let directory: string;
let daemon: DaemonProcess;
let token: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-top-"));
  daemon = await startDaemonProcess({ data: join(directory, "data") });
  token = await daemon.login();
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

async function open(
  name: string,
  options: {
    token?: string;
    socketPath?: string;
    env?: Record<string, string>;
    size?: { columns: number; rows: number };
  } = {},
): Promise<Tmux> {
  const config = join(directory, name);
  await mkdir(config, { mode: 0o700 });
  const { socketPath = daemon.socketPath } = options;
  const contexts = [{ name, socketPath, token: options.token ?? token }];
  const text = JSON.stringify({ version: 1, current: name, contexts });
  await writeFile(join(config, "contexts.json"), text, { mode: 0o600 });
  const env = { SKERRY_CONFIG_DIR: config, HOME: directory, ...options.env };
  return Tmux.start({ columns: 100, rows: 26, ...options.size, env, command: `${SKERRY} top` });
}

async function assertRestored(tmux: Tmux, status: number): Promise<string[]> {
  const rows = await tmux.until(
    "the shell again",
    (text) => text.startsWith("before\n") && text.includes(`left with ${status}`),
  );
  assert.equal(await tmux.ask("#{alternate_on} #{cursor_flag}"), "0 1");
  await tmux.type("stty -a\r");
  await tmux.until("it echoes, and lines are lines", (text) => / icanon /.test(text) && /[^-]echo /.test(text));
  return rows;
}

async function childOf(pid: number): Promise<number> {
  return Number((await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim());
}

/** Without the curves and figures, of which none is the same twice: the frames, what is in them, the first and last line. */
function skeleton(row: string): string {
  if (/^[┌└]/.test(row)) return row.replace(/┌[^┐]*┐/g, figureless);
  if (row.startsWith("│")) return row.replace(/[^│]/g, " ");
  return row.replace(/(● live|q quit).*/, "$1");
}

/** As wide as it was. */
function figureless(edge: string): string {
  const masked = edge.slice(0, -1).replace(/(?<= )\d[\d.]*/g, "0");
  return `${masked.padEnd(edge.length - 1, "─")}┐`;
}

async function soon(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 20_000; !(await holds()); await sleep(20)) {
    assert.ok(performance.now() < deadline, what);
  }
}

test("four charts with figures at 80x24 and 100x26, also after a resize; its own questions are not counted; q leaves", async () => {
  await using tmux = await open("live");
  const quiet =
    /CPU % of a core {2}\d.*Memory MiB {2}\d[\s\S]*Requests\/s {2}gateway 0.0 {2}API 0.0 .*API ms {2}no requests/;
  assertScreen("top", await tmux.until("figures, and nothing asked", (text) => quiet.test(text)), skeleton);
  const styled = (await tmux.screen(true)).join("\n");
  assert.match(styled, /\x1b\[(?:\d+;)*3[0-7]/);
  const client = daemon.client(token);
  const busy = new AbortController();
  const asking = (async () => {
    while (!busy.signal.aborted) await client.call(sessionRoutes.whoami);
  })();
  const all = /API [1-9]\d*.*API ms {2}p50 \d[\d.]* p95 \d[\d.]* p99 \d[\d.]*[\s\S]*q quit {3}whoami \d/;
  await tmux.passing("what is asked, and how long it takes", (text) => all.test(text));
  await tmux.resize(80, 24);
  const whole = (text: string) => {
    const frame = text.split("\n").filter((row) => /^[┌│└]/.test(row));
    const edges = (corner: string) => frame.filter((row) => row.startsWith(corner)).length;
    const all = edges("┌") === 2 && edges("└") === 2 && text.includes("q quit");
    return all && text.includes("p99") && frame.every((row) => /^[┌│└].*[┐│┘]$/.test(row));
  };
  const rows = await tmux.passing(
    "smaller, with whole frames",
    (text) => whole(text) && text.split("\n").length === 24,
  );
  busy.abort();
  await asking;
  assertScreen("top-busy", rows, skeleton);
  await tmux.resize(40, 10);
  await tmux.until("too small", (text) => text.trim() === "Make it larger");
  await tmux.resize(60, 20);
  await tmux.until("smaller, with whole frames", (text) => /^ Skerry {2}live/.test(text) && /┌─ CPU.*┐/.test(text));
  await tmux.keys("q");
  await assertRestored(tmux, 0);
});

test("any size, also from the start: too small says so and draws no chart, large enough shows what it had", async () => {
  await using tmux = await open("sizes", { size: { columns: 15, rows: 4 } });
  await tmux.until("too small from the start", (text) => text.trim() === "Make it larger");
  const sizes = [
    [80, 24],
    [15, 4],
    [40, 4],
    [60, 4],
    [10, 10],
    [30, 10],
    [1, 1],
    [5, 5],
    [200, 3],
    [50, 16],
    [3, 50],
  ] as const;
  const charts = (text: string) => /● live/.test(text) && /┌─ CPU[^┐]*┐┌─ Memory/.test(text) && /\bnow\b/.test(text);
  for (let round = 0; round < 3; round++) {
    for (const [columns, rows] of sizes) {
      await tmux.resize(columns, rows);
      // Some are drawn, some are gone before they are.
      await sleep(round * 100);
    }
  }
  await tmux.resize(80, 24);
  const several = /-(?:[4-9]|\d\d)s/;
  await tmux.passing("large again, with three points or more", (text) => charts(text) && several.test(text));
  await tmux.resize(14, 2);
  await tmux.until("too small", (text) => text.trim() === "Make it larger");
  await tmux.resize(80, 24);
  const rows = await tmux.passing("large again", charts);
  assert.match(rows.join("\n"), several, "with what it had");
  assert.equal(rows.filter((row) => row.startsWith("┌")).length, 2);
  await tmux.keys("q");
  await assertRestored(tmux, 0);
});

test("the gateway's requests and latencies, as soon as there are any", async () => {
  await using node = await startDaemonProcess({ data: join(directory, "gateway"), argv: ["--gateway-workers", "1"] });
  await using tmux = await open("sites", { token: await node.login(), socketPath: node.socketPath });
  await tmux.until("live", (text) => text.includes("● live"));
  const spec = { host: "127.0.0.1", respond: { status: 503, body: "later" } };
  await node.client(await node.login()).call(routeRoutes.create, { body: { name: "answers", spec } });
  const busy = new AbortController();
  const asking = (async () => {
    while (!busy.signal.aborted) await fetch(node.httpUrl ?? "").then((answer) => answer.arrayBuffer());
  })();
  await tmux.passing("those of the gateway", (text) =>
    /Requests\/s {2}gateway [1-9]\d*.*Gateway ms {2}p50 \d[\d.]* p95 \d[\d.]* p99 \d/.test(text),
  );
  await tmux.passing("of each route", (text) =>
    /q quit {3}answers [\d.]+\/s p50 \d[\d.]* p99 \d[\d.]* ms errors \d/.test(text),
  );
  const { stdout } = await run(SKERRY, ["top", "-o", "json"], {
    env: { ...process.env, SKERRY_CONFIG_DIR: join(directory, "sites"), HOME: directory },
  });
  const { gatewayRoutes } = JSON.parse(stdout) as { gatewayRoutes: RouteFigures[] };
  assert.deepEqual(
    gatewayRoutes.map(({ route, perSecond, errorsPerSecond }) => [route, errorsPerSecond === perSecond]),
    [["answers", true]],
  );
  const { p50Ms = 0, p99Ms = 0, perSecond = 0 } = gatewayRoutes[0] ?? {};
  assert.ok(p50Ms > 0 && p99Ms >= p50Ms && perSecond > 0, stdout);
  busy.abort();
  await asking;
  await tmux.until("and when there are none", (text) => text.includes("Gateway ms  no requests"));
  await tmux.keys("C-c");
  await assertRestored(tmux, 0);
});

test("without colours none is sent; a daemon that goes is said, and comes back", async () => {
  await using tmux = await open("plain", { env: { NO_COLOR: "1" } });
  await tmux.until("live", (text) => text.includes("● live"));
  const styled = (await tmux.screen(true)).join("\n");
  assert.doesNotMatch(styled, /\x1b\[[0-9;]*(?:3[0-8]|4[0-8]|9[0-7])m/);
  await daemon.kill("SIGKILL");
  await tmux.until("stale", (text) => text.includes("▲ stale"));
  daemon = await startDaemonProcess({ data: join(directory, "data") });
  await tmux.until("live again", (text) => text.includes("● live"));
  process.kill(await childOf(Number(await tmux.ask("#{pane_pid}"))), "SIGTERM");
  await assertRestored(tmux, 143);
});

test("charts that are killed are said, on a terminal as it was; killed parents take the charts with them", async () => {
  await using tmux = await open("killed");
  await tmux.until("live", (text) => text.includes("● live"));
  const parent = await childOf(Number(await tmux.ask("#{pane_pid}")));
  process.kill(await childOf(parent), "SIGKILL");
  const rows = await assertRestored(tmux, 1);
  assert.match(rows.join("\n"), /charts ended unexpectedly \(SIGKILL\)/);

  await using other = await open("parent");
  await other.until("live", (text) => text.includes("● live"));
  const second = await childOf(Number(await other.ask("#{pane_pid}")));
  const charts = await childOf(second);
  process.kill(second, "SIGKILL");
  const gone = () =>
    readFile(`/proc/${charts}/stat`).then(
      () => false,
      () => true,
    );
  await soon("the charts end, too", gone);
  await soon("the screen is given back", async () => (await other.ask("#{alternate_on} #{cursor_flag}")) === "0 1");
});

test("who may not read the metrics is told, before anything is drawn; the charts never hold the token", async () => {
  const { password = "" } = await daemon.client(token).call(userRoutes.create, { body: { name: "mia" } });
  const { token: hers } = await daemon.client().call(sessionRoutes.create, { body: { name: "mia", password } });
  await using tmux = await open("member", { token: hers });
  await tmux.until("why", (text) => text.includes("left with 4") && text.includes("forbidden"));
  await using mine = await open("secret", { env: { SKERRY_TOKEN: token } });
  await mine.until("live", (text) => text.includes("● live"));
  const charts = await childOf(await childOf(Number(await mine.ask("#{pane_pid}"))));
  assert.doesNotMatch(await readFile(`/proc/${charts}/environ`, "utf8"), new RegExp(token));
});
