/**
 * `skerry ui` on a real terminal against a real daemon. What is seen is kept under fixtures/tui/; a wanted change is
 * written there with UPDATE_GOLDEN=1 and looked at before it is committed.
 */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { textWidth } from "@skerry/core/contract/present/width.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";
import { assertScreen } from "../src/testing/screen-golden.ts";
import { Tmux } from "../src/testing/tmux.ts";

const SKERRY = fileURLToPath(new URL("../../cli/bin/skerry", import.meta.url));
const HOSTILE = "\x1b[31mred\x07\r\n.txt";

let directory: string;
let daemon: DaemonProcess;
let token: string;
let client: Client;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-tui-"));
  daemon = await start();
  token = await daemon.login();
  client = daemon.client(token);
  for (const name of ["docs", "photos", "website"]) await client.call(bucketRoutes.create, { body: { name } });
  await client.call(bucketRoutes.update, { params: { name: "website" }, body: { spec: { visibility: "public" } } });
  for (const key of ["readme.md", "guide/start.md", "guide/日本語のとても長い名前のファイル.md", HOSTILE]) {
    await client.upload(objectRoutes.put, { params: { bucket: "docs", key }, bytes: bytesOf(key) });
  }
  await client.call(userRoutes.create, { body: { name: "alice" } });
  const contexts = [{ name: "home", socketPath: daemon.socketPath, user: "admin", token }];
  await mkdir(join(directory, "config"), { mode: 0o700 });
  const text = JSON.stringify({ version: 1, current: "home", contexts });
  await writeFile(join(directory, "config/contexts.json"), text, { mode: 0o600 });
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

function start(): Promise<DaemonProcess> {
  return startDaemonProcess({ data: join(directory, "data"), argv: ["--node-name", "skerry-1"] });
}

interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** The app, when it shows what is there. */
async function open(size: Partial<Size> = {}, env: Record<string, string> = {}): Promise<Tmux> {
  const { columns = 80, rows = 24 } = size;
  const variables = { SKERRY_CONFIG_DIR: join(directory, "config"), HOME: directory, ...env };
  const tmux = await Tmux.start({ columns, rows, env: variables, command: `${SKERRY} ui` });
  try {
    await tmux.until("the first screen", (text) => text.includes("● live"));
    await tmux.keys("3");
    await tmux.until("the buckets", (text) => /● ok .*● live/.test(text) && text.includes("photos"));
    return tmux;
  } catch (error) {
    await tmux[Symbol.asyncDispose]();
    throw error;
  }
}

test("every screen at 80x24", async () => {
  await using tmux = await open();
  const screens: readonly [key: string, name: string, seen: string][] = [
    ["1", "containers", "n starts one"],
    ["2", "routes", "n publishes something"],
    ["3", "buckets", "website"],
    ["4", "users", "alice"],
    ["5", "tokens", "first-context"],
    ["7", "projects", "alice"],
    ["?", "help", "Everywhere"],
  ];
  for (const [key, name, seen] of screens) {
    await tmux.keys(key);
    assertScreen(name, await tmux.until(name, (text) => text.includes(seen) && !text.includes("Asking")));
  }
  await tmux.keys("Escape", "8");
  await tmux.until("jobs", (text) => text.includes("storage.repair"));
  await tmux.keys("9");
  await tmux.until("events, the newest first", (text) => /user\.create .*\n(?:.*\n)*.*bucket\.create/.test(text));
  await tmux.keys("6");
  await tmux.until("sessions", (text) => /Sessions {2}1 /.test(text));
});

test("folders and objects, details, and names that try to steer the terminal", async () => {
  await using tmux = await open();
  await tmux.keys("Enter");
  assertScreen("objects", await tmux.until("objects", (text) => text.includes("readme.md")));
  await tmux.keys("y");
  const detail = await tmux.until("detail", (text) => text.includes("contentType"));
  assert.ok(detail.some((row) => row.includes("x1b[31mred")));
  await tmux.keys("Escape", "Down", "Enter");
  assertScreen("folder", await tmux.until("folder", (text) => text.includes("guide/start.md")));
  await tmux.keys("Escape", "Escape");
  await tmux.until("buckets again", (text) => text.includes("photos"));
});

test("a list is live: what others make and delete comes and goes without a key", async () => {
  await using tmux = await open();
  await client.call(bucketRoutes.create, { body: { name: "from-elsewhere" } });
  await tmux.until("the new bucket", (text) => text.includes("from-elsewhere"));
  await client.call(bucketRoutes.delete, { params: { name: "from-elsewhere" } });
  await tmux.until("it has gone", (text) => !text.includes("from-elsewhere"));
});

test("events and objects are live, too: the newest event stays in sight, an object comes in its place and goes", async () => {
  await using tmux = await open();
  await tmux.keys("9");
  await tmux.until("events", (text) => text.includes("Events") && text.includes("▸"));
  await client.call(bucketRoutes.create, { body: { name: "event-made" } });
  assertScreen(
    "events",
    await tmux.until("the newest event", (text) => /▸ .*bucket\.create +bucket\/event-made/.test(text)),
  );
  await tmux.keys("Down");
  await client.call(bucketRoutes.delete, { params: { name: "event-made" } });
  await tmux.until(
    "what was chosen stays chosen",
    (text) => text.includes("bucket.delete") && !/▸ .*event-made/.test(text),
  );
  await tmux.keys("3");
  // Events tell of it, too.
  await tmux.until("buckets", (text) => text.includes("╭─ Buckets") && text.includes("photos"));
  await tmux.keys("Down", "Enter");
  await tmux.until("an empty bucket", (text) => text.includes("Nothing in it"));
  for (const key of ["b", "folder/x", "a"])
    await client.upload(objectRoutes.put, { params: { bucket: "photos", key }, bytes: bytesOf(key) });
  await tmux.until("in order", (text) => /a .*\n.* b .*\n.* folder\/ /.test(text));
  for (const key of ["folder/x", "a", "b"])
    await client.call(objectRoutes.delete, { params: { bucket: "photos", key } });
  await tmux.until("gone", (text) => text.includes("Nothing in it"));
});

test("making one, and deleting it by typing its name; a wrong name deletes nothing", async () => {
  await using tmux = await open();
  const exists = () =>
    client.call(bucketRoutes.get, { params: { name: "fresh" } }).then(
      () => true,
      () => false,
    );
  await tmux.keys("n");
  await tmux.until("the prompt", (text) => text.includes("New bucket"));
  await tmux.type("fresh\r");
  await tmux.until("said and chosen", (text) => text.includes("bucket fresh created") && text.includes("▸ fresh"));
  await tmux.keys("d");
  await tmux.type("fres");
  assertScreen("confirm", await tmux.until("what was typed", (text) => text.includes("> fres")));
  await tmux.keys("Enter");
  await sleep(300);
  assert.ok(await exists(), "not the whole name");
  await tmux.type("h\r");
  await tmux.until("deleted", (text) => text.includes("bucket fresh deleted") && !text.includes("▸ fresh"));
  assert.equal(await exists(), false);
  await tmux.keys("Home", "d");
  await tmux.type("docs\r");
  assertScreen("refused", await tmux.until("why not", (text) => /holds|empty it/i.test(text) && !text.includes("...")));
  await tmux.keys("Escape");
  await tmux.until("it is still there", (text) => text.includes("▸ docs") && !text.includes("Delete bucket"));
});

test("a burst of keys is as many keys: filter and sort in one go", async () => {
  await using tmux = await open();
  await tmux.type("/pho\rs");
  const rows = await tmux.until("one row", (text) => text.includes("1 of 3") && text.includes("by name"));
  assert.ok(!rows.some((row) => row.includes("website")));
  await tmux.keys("Escape");
  await tmux.until("all", (text) => text.includes("website"));
});

test("wide, narrow, too small, and back; without colours no colour is sent", async () => {
  await using tmux = await open({ columns: 150, rows: 30 }, { NO_COLOR: "1" });
  assertScreen("wide", await tmux.screen());
  const styled = (await tmux.screen(true)).join("\n");
  assert.doesNotMatch(styled, /\x1b\[[0-9;]*(?:3[0-8]|4[0-8]|9[0-7])m/);
  assert.match(styled, /▸ docs/);
  await tmux.resize(66, 12);
  const narrow = await tmux.until("narrow", (text) => text.split("\n").length === 12 && /╯\n/.test(text));
  assertScreen("narrow", narrow);
  await tmux.resize(20, 5);
  await tmux.until("too small", (text) => text.includes("Make it larger"));
  await tmux.resize(80, 24);
  await tmux.until("as before", (text) => text.includes("website") && text.split("\n").length === 24);
});

test("every screen at every size, one after the other: whole frames, and the chosen tab in sight", async () => {
  await using tmux = await open();
  const names = ["Containers", "Routes", "Buckets", "Users", "Tokens", "Sessions", "Projects", "Jobs", "Events"];
  for (const [columns, rows] of [
    [40, 12],
    [120, 40],
    [200, 50],
    [80, 24],
  ] as const) {
    await tmux.resize(columns, rows);
    await tmux.keys("1");
    for (const name of [
      ...names,
      ...["Volumes", "Networks", "Upstreams", "Requests", "Traffic", "Certificates", "IP lists", "Images", "Bindings"],
    ]) {
      const seen = await tmux.until(`${name} at ${columns}x${rows}`, (text) => {
        const frame = text.split("\n").filter((row) => /^[╭│╰]/.test(row));
        const fits = frame.length === rows - 3 && frame.every((row) => textWidth(row) === columns);
        return fits && text.includes(`╭─ ${name}`) && !text.includes("Asking");
      });
      assert.ok(seen[1]?.includes(name), `${name} at ${columns}x${rows}: ${seen[1]}`);
      if (name === "Buckets" && columns === 40) assertScreen("tiny", seen);
      await tmux.keys("Tab");
    }
  }
});

test("with colours: good is green, what everybody may read is marked", async () => {
  await using tmux = await open();
  const rows = await tmux.screen(true);
  const row = (text: string) => rows.find((one) => one.includes(text)) ?? "";
  assert.match(row("● ok"), /\x1b\[32m● ok/);
  assert.match(row("website"), /\x1b\[33m.*website/);
});

test("the daemon goes and comes back: stale with its seconds, then live with what was missed; no key is needed", async () => {
  await using tmux = await open();
  await daemon.kill("SIGKILL");
  try {
    const stale = await tmux.until("stale", (text) => /▲ stale [1-9]\d* s/.test(text) && text.includes("trying again"));
    assertScreen("stale", stale);
    await tmux.keys("4");
    await tmux.until("another screen says why", (text) => text.includes("cannot be reached"));
    await tmux.keys("3");
  } finally {
    // The tests after this one need it, whatever was seen.
    daemon = await start();
    client = daemon.client(token);
  }
  await client.call(bucketRoutes.create, { body: { name: "meanwhile" } });
  await tmux.until("live again", (text) => text.includes("● live") && text.includes("meanwhile"));
  await client.call(bucketRoutes.delete, { params: { name: "meanwhile" } });
});

for (const [how, end, status] of [
  ["q", (tmux: Tmux) => tmux.keys("q"), 0],
  ["Ctrl-C", (tmux: Tmux) => tmux.keys("C-c"), 0],
  ["SIGTERM", (tmux: Tmux) => signal(tmux, "SIGTERM"), 143],
  ["SIGHUP", (tmux: Tmux) => signal(tmux, "SIGHUP"), 129],
] as const) {
  test(`the terminal is as it was after ${how}`, async () => {
    await using tmux = await open();
    assert.equal(await tmux.ask("#{alternate_on} #{cursor_flag}"), "1 0");
    await end(tmux);
    await tmux.until("the shell again", (text) => text.startsWith(`before\nleft with ${status}\n`));
    assert.equal(await tmux.ask("#{alternate_on} #{cursor_flag}"), "0 1");
    await tmux.type("stty -a\r");
    await tmux.until("it echoes, and lines are lines", (text) => / icanon /.test(text) && /[^-]echo /.test(text));
  });
}

/** To the program itself: the only child of the shell. */
async function signal(tmux: Tmux, name: NodeJS.Signals): Promise<void> {
  process.kill(await programOf(tmux), name);
}

async function programOf(tmux: Tmux): Promise<number> {
  const shell = await tmux.ask("#{pane_pid}");
  return Number((await readFile(`/proc/${shell}/task/${shell}/children`, "utf8")).trim());
}

test("nobody does anything: it takes no processor time", async () => {
  await using tmux = await open();
  const pid = await programOf(tmux);
  /** In hundredths of a second. */
  const spent = async () => {
    const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
    return Number(fields[11]) + Number(fields[12]);
  };
  await sleep(2000);
  const before = await spent();
  await sleep(4000);
  const ticks = (await spent()) - before;
  assert.ok(ticks <= 8, `${ticks} hundredths of a second in four seconds`);
});

test("without a terminal it says so, with the status for what is not supported", async () => {
  const env = { SKERRY_CONFIG_DIR: join(directory, "config"), HOME: directory };
  await using tmux = await Tmux.start({ columns: 80, rows: 24, env, command: `${SKERRY} ui </dev/null` });
  await tmux.until("why", (text) => text.includes("needs a terminal") && text.includes("left with 9"));
});

test("on a terminal that cannot place text it says so", async () => {
  const env = { SKERRY_CONFIG_DIR: join(directory, "config"), HOME: directory };
  for (const name of ["ui", "top"]) {
    await using tmux = await Tmux.start({ columns: 80, rows: 24, env, command: `TERM=dumb ${SKERRY} ${name}` });
    await tmux.until("why", (text) => text.includes("TERM is dumb") && text.includes("left with 9"));
  }
});
