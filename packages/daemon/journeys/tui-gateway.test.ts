/** The gateway on a real terminal: what it is asked, how much, and routes and upstreams made by hand. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";
import { assertScreen } from "../src/testing/screen-golden.ts";
import { Tmux } from "../src/testing/tmux.ts";

const SKERRY = fileURLToPath(new URL("../../cli/bin/skerry", import.meta.url));

/** What tests without a daemon hold, too: once more on the real one. */
/** A test of the full tier, or of a file that is run alone. */
function fullTest(name: string, run: () => Promise<void>): void {
  if (process.env["SKERRY_TEST_TIER"] !== "quick") test(name, run);
}

let directory: string;
let daemon: DaemonProcess;
let client: Client;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-tui-"));
  daemon = await start();
  const token = await daemon.login();
  client = daemon.client(token);
  const create = (name: string, spec: { host: string; path?: string; respond: { status: number } }) =>
    client.call(routeRoutes.create, { body: { name, spec } });
  await create("shop", { host: "shop.example", respond: { status: 200 } });
  await create("broken", { host: "shop.example", path: "/broken", respond: { status: 503 } });
  const contexts = [{ name: "home", socketPath: daemon.socketPath, user: "admin", token }];
  await mkdir(join(directory, "config"), { mode: 0o700 });
  await writeFile(join(directory, "config/contexts.json"), JSON.stringify({ version: 1, current: "home", contexts }), {
    mode: 0o600,
  });
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

function start(): Promise<DaemonProcess> {
  return startDaemonProcess({
    data: join(directory, "data"),
    argv: ["--node-name", "skerry-1", "--gateway-workers", "1"],
  });
}

/** The app on the screen whose name begins so. */
async function open(screen: string, size: { columns: number; rows: number } = { columns: 80, rows: 24 }) {
  const env = { SKERRY_CONFIG_DIR: join(directory, "config"), HOME: directory };
  const tmux = await Tmux.start({ ...size, env, command: `${SKERRY} ui` });
  try {
    await tmux.until("the first screen", (text) => text.includes("● live"));
    await tmux.type(`:${screen}\r`);
    await tmux.until(screen, (text) => text.toLowerCase().includes(`╭─ ${screen}`) && !text.includes("Asking"));
    return tmux;
  } catch (error) {
    await tmux[Symbol.asyncDispose]();
    throw error;
  }
}

/** The status of an answer of the gateway. */
function ask(url: string, method = "GET"): Promise<number> {
  const { host, pathname } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const asked = request(`${daemon.httpUrl}${pathname}`, { method, headers: { host } }, (answer) => {
    answer.resume().on("end", () => resolve(answer.statusCode ?? 0));
  });
  asked.on("error", reject).end();
  return promise;
}

/** Times, durations and ids of requests: each as wide as it was, so that what is beside it stays in its place. */
function moment(row: string): string {
  return row
    .replace(/\b\d\d:\d\d:\d\d\.\d{3}\b/g, "10:15:30.000")
    .replace(/(?<= )\d+\.\d(?= )/g, (figure) => "0.0".padStart(figure.length))
    .replace(/\b(durationUs|upstreamUs): \d+ */g, "$1: 1")
    .replace(/(?<= )[\w-]{12}\.\d{3}\b/g, "aaaaaaaaaaaa.001");
}

test("the access log: rows as they come, the newest first; words choose among them, and a detail says what a reason means", async () => {
  await using tmux = await open("requests");
  await tmux.until("nothing was asked", (text) => text.includes("No requests yet"));
  assert.equal(await ask("http://shop.example/a/b"), 200);
  assert.equal(await ask("http://shop.example/broken", "POST"), 503);
  assert.equal(await ask("http://none.example/%1b[31m"), 404);
  const all = (text: string) => text.includes("Requests  3") && text.includes("following");
  assertScreen("requests", await tmux.until("three", all), moment);
  await tmux.keys("e");
  await tmux.until("those that failed", (text) => text.includes("2 of 3  /failed") && !text.includes("/a/b"));
  await tmux.type("/ !404\r");
  await tmux.until("of them, the others", (text) => /1 of 3.*failed !404/.test(text) && text.includes("/broken"));
  await tmux.keys("Escape", "o");
  await tmux.until("there is no route to choose", (text) => text.includes("is not for this row"));
  await tmux.keys("Enter");
  const detail = await tmux.until("why", (text) => text.includes("No route leads from this host and path."));
  assertScreen("request-detail", detail, moment);
  await tmux.keys("Escape");
  await tmux.until("one looks at it", (text) => text.includes("paused, 0 since"));
  assert.equal(await ask("http://shop.example/later"), 200);
  await tmux.until("it waits", (text) => text.includes("paused, 1 since") && !text.includes("later"));
  await tmux.keys("Space");
  await tmux.until("the newest", (text) => /▸ .*shop\.example\/later/.test(text) && text.includes("following"));
  await tmux.resize(200, 50);
  assertScreen("requests-wide", await tmux.until("wide", (text) => /BYTES.*CLIENT/.test(text)), moment);
});

fullTest("the daemon goes and comes back: what was there stays, what comes is there, nothing twice", async () => {
  await using tmux = await open("requests");
  await ask("http://shop.example/before");
  await tmux.until("following", (text) => text.includes("/before") && text.includes("following"));
  await daemon.kill("SIGKILL");
  try {
    await tmux.until("it is away", (text) => text.includes("trying again") && text.includes("/before"));
  } finally {
    daemon = await start();
  }
  await ask("http://shop.example/after");
  const rows = await tmux.until("again", (text) => text.includes("/after") && text.includes("following"));
  assert.equal(rows.filter((row) => row.includes("/before")).length, 1, rows.join("\n"));
});

fullTest("what each route serves now: requests, failures and times of each, sorted as one likes", async () => {
  await using tmux = await open("traffic");
  const busy = new AbortController();
  const asking = (async () => {
    while (!busy.signal.aborted) {
      await ask("http://shop.example/a");
      await ask("http://shop.example/a");
      await ask("http://shop.example/broken");
    }
  })();
  try {
    const table = /ROUTE +REQ\/S.*5XX %.*LAST 24 S.*\n.*▸ shop +\d.* 0\.0 .*\n│ +broken +\d.* 100 /;
    const rows = await tmux.passing("the busiest first", (text) => table.test(text));
    assert.match(rows.join("\n"), /Traffic {2}2 .* \d+(?:\.\d)?\/s, p50 \d.* p95 \d.* p99 \d.* ms ─╮/);
    await tmux.keys("s", "s");
    await tmux.passing("the least asked first", (text) => /by req\/s[\s\S]*broken [\s\S]*shop /.test(text));
  } finally {
    busy.abort();
    await asking;
  }
  await tmux.passing("they have stopped", (text) => /│▸? +shop +0\.0 +- /.test(text) || /▸ shop +0\.0 +- /.test(text));
});

test("a route by hand: what is refused stands at its field, it is looked at before it is made, and then changed", async () => {
  await using tmux = await open("routes");
  await tmux.keys("n");
  await tmux.until("the form", (text) => text.includes("New route") && text.includes("Host          > ▏"));
  await tmux.type("docs.example\r/guide\r\rbucket/nothing");
  await tmux.keys("C-s");
  const refused = /To +> bucket\/nothing▏ *│\n│ +▲ There is no bucket nothing/;
  assertScreen("route-refused", await tmux.until("why not", (text) => refused.test(text)));
  await tmux.keys("C-u");
  await tmux.type("http://127.0.0.1:9");
  await tmux.keys("Down");
  await tmux.type("docs");
  // Parts that are closed: the first is about which requests.
  await tmux.keys("Down", "Down", "Right", "Down", "Down");
  await tmux.type("GET,POST\rX-Api: v2\r!X-Old\r");
  await tmux.keys("C-s");
  const looked = await tmux.until("looked at", (text) => /match\.methods/.test(text));
  assertScreen("route-preview", looked);
  await tmux.keys("Enter");
  await tmux.until("made and chosen", (text) => /▸ docs .*docs\.example/.test(text));
  await tmux.keys("e");
  await tmux.until("as it is", (text) => text.includes("Route docs"));
  await tmux.keys("Down", "Right");
  await tmux.until("elsewhere", (text) => text.includes("‹ redirect ›") && text.includes("Sent to"));
  await tmux.keys("Down");
  await tmux.type("https://shop.example{path}");
  await tmux.keys("C-s");
  assertScreen("route-change", await tmux.until("what changes", (text) => text.includes("This would change")));
  await tmux.keys("Enter");
  await tmux.until("changed", (text) => text.includes("route docs changed"));
  assert.equal((await client.call(routeRoutes.get, { params: { name: "docs" } })).spec.to, undefined);
  await tmux.keys("e");
  await tmux.resize(120, 40);
  assertScreen(
    "route-form-wide",
    await tmux.until("wide", (text) => text.includes("Sent to") && /^╰─{118}╯$/m.test(text)),
  );
  await tmux.keys("Escape", "d");
  await tmux.type("docs\r");
  await tmux.until("deleted", (text) => text.includes("route docs deleted"));
});

test("one route as a whole: what it serves, how a request comes to it; another request explained; its requests", async () => {
  await using tmux = await open("routes");
  await tmux.until("listed", (text) => text.includes("broken") && text.includes("shop "));
  await ask("http://shop.example/broken/x");
  await tmux.keys("Enter");
  const whole = /since the start: 5xx \d+[\s\S]*✓ route broken: [\s\S]*The route broken takes it/;
  assertScreen("route-report", await tmux.until("all of it", (text) => whole.test(text)), served);
  await ask("http://shop.example/broken/x");
  await tmux.passing("live", (text) => /now: [1-9\d.]*[1-9][\d.]*\/s, p50/.test(text));
  await tmux.keys("Escape", "x");
  await tmux.until("asked", (text) => text.includes("URL     > https://shop.example/broken"));
  await tmux.keys("Tab", "C-u");
  await tmux.type("shop.example/brokenly\r\r\r");
  const explained = await tmux.until("explained", (text) => text.includes("The route shop takes it"));
  assertScreen("route-explain", explained);
  await tmux.keys("Escape", "a");
  const rows = await tmux.until("its requests", (text) => /\/route:broken/.test(text) && text.includes("/broken/x"));
  assert.ok(!rows.some((row) => /│.* {2}shop {2}/.test(row)), rows.join("\n"));
});

/** Counts and rates are never the same twice. */
function served(row: string): string {
  return row.replace(/(now: |5xx |out |of )[\d.]+(?: [KM]?i?B)?(?:\/s.*in flight)?/g, "$1 0");
}

fullTest("an upstream by hand: made, drained with a word before, and routes switched to it and back", async () => {
  await using tmux = await open("upstreams");
  await tmux.keys("n");
  await tmux.until("the form", (text) => text.includes("New upstream"));
  await tmux.type("web\ra=http://127.0.0.1:9\rb=http://127.0.0.1:9,weight=none\r");
  await tmux.keys("C-s");
  const refused = /weight=none[^\n]*\n[^\n]*▲ "none" is no whole number/;
  assertScreen("upstream-refused", await tmux.until("why not", (text) => refused.test(text)));
  await tmux.keys("BSpace", "BSpace", "BSpace", "BSpace", "2", "C-s");
  await tmux.until("looked at", (text) => text.includes("It would be made so"));
  await tmux.keys("Enter");
  await tmux.until("made", (text) => /▸ web .* a b /.test(text));
  await tmux.keys("Enter");
  await tmux.until("its backends", (text) => /▸ a +ready/.test(text));
  await tmux.keys("x");
  assertScreen("backends", await tmux.until("asked", (text) => text.includes("Drain a of web")));
  await tmux.keys("Escape");
  await tmux.until("not done", (text) => !text.includes("Drain a of web"));
  await tmux.keys("x", "Enter");
  await tmux.until("drained", (text) => /a +draining/.test(text));
  await tmux.keys("x", "Enter");
  await tmux.until("and back", (text) => /▸ a +ready/.test(text) && text.includes("gets requests again"));
  await tmux.type(":routes\r");
  await tmux.until("routes", (text) => text.includes("╭─ Routes") && text.includes("shop "));
  await client.call(routeRoutes.create, {
    body: { name: "blue", spec: { host: "blue.example", to: "http://127.0.0.1:9" } },
  });
  await tmux.keys("Home");
  await tmux.until("it comes", (text) => /▸ blue /.test(text));
  const leads = async () => (await client.call(routeRoutes.get, { params: { name: "blue" } })).spec.to;
  await tmux.keys("w");
  await tmux.type("upstream/web\r");
  const sure = "blue will lead to upstream/web instead of http://127.0.0.1:9.";
  const again = await tmux.until("once more", (text) => text.includes(sure));
  assertScreen("route-switch", again, (row) => row.replace(/example:\d{5}/, "example:38429"));
  assert.equal(await leads(), "http://127.0.0.1:9");
  await tmux.keys("Enter");
  await tmux.until("switched", (text) => text.includes("route blue leads to upstream/web"));
  assert.equal(await leads(), "upstream/web");
  await tmux.keys("w");
  await tmux.until("back is offered", (text) => text.includes("Empty: back to http://127.0.0.1:9"));
  await tmux.keys("Enter");
  await tmux.until("once more", (text) => text.includes("instead of upstream/web"));
  await tmux.keys("Enter");
  await tmux.until("back", (text) => text.includes("route blue leads to http://127.0.0.1:9"));
  assert.equal(await leads(), "http://127.0.0.1:9");
});
