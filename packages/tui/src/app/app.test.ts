import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { textWidth } from "@skerry/core/contract/present/width.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { ROOT_SCREENS } from "../screens/all.ts";
import { type Answer, FakeDaemon, Stream, until } from "../testing/fake-daemon.ts";
import { App } from "./app.ts";
import { drawApp } from "./draw.ts";

const CREATED = "2026-08-02T12:00:00.000Z";
const NOW_MS = Date.parse(CREATED) + 5_000;

function bucket(name: string, objects: number, revision = 1) {
  const meta = { uid: `uid-${name}`, name, project: "p", projectName: "alice", labels: {}, generation: 1, revision };
  const spec = { visibility: "private" };
  return {
    kind: "bucket",
    meta: { ...meta, createdAt: CREATED, updatedAt: CREATED },
    spec,
    status: { objects, sizeBytes: objects * 10 },
  };
}

/** A cloud of some buckets, as the daemon would tell it. */
class Cloud {
  objects = 1;
  names = ["box", "docs"];
  statusFor: Answer | undefined;
  readonly beats = new Stream();
  readonly stream = new Stream();
  readonly daemon = new FakeDaemon((target, { method, body }) => this.#answer(target, method, body as string));

  #answer(target: string, method: string, body: string): Answer {
    if (method === "POST") {
      this.names.push((JSON.parse(body) as { name: string }).name);
      return { status: 201, json: bucket("x", 0) };
    }
    if (method === "DELETE") {
      this.names = this.names.filter((name) => !target.endsWith(`/${name}`));
      return { json: {} };
    }
    if (target === "/v1/whoami") return { json: { userName: "alice" } };
    if (target === "/v1/status") return this.statusFor ?? { json: this.#status() };
    if (!target.startsWith("/v1/buckets")) return { json: { items: [], revision: 1 } };
    const heartbeat = target.includes("heartbeat");
    if (target.includes("watch=1")) return { stream: heartbeat ? this.beats : this.stream };
    const items = heartbeat ? [] : this.names.map((name) => bucket(name, this.objects));
    return { json: { items, revision: 3 } };
  }

  #status() {
    const { objects } = this;
    const storage = { replicas: "3 copies on 1 disk", state: "ok", objects, sizeBytes: objects };
    return {
      cluster: "c",
      version: "0",
      node: "n1",
      state: "ok",
      uptimeSeconds: 1,
      revision: 3,
      storage,
      problems: [],
    };
  }

  open(): { app: App; text: () => string; quit: () => boolean } {
    let left = false;
    const options = { client: this.daemon.client, context: "home", nowMs: () => NOW_MS, screens: ROOT_SCREENS };
    const quit = () => {
      left = true;
    };
    const app = new App({ ...options, quit });
    app.key(`${1 + ROOT_SCREENS.findIndex(({ id }) => id === "bucket")}`);
    const text = () => {
      const lines = drawApp(app, { width: 80, height: 24 }).map((line) => line.map((piece) => piece.text).join(""));
      assert.equal(lines.length, 24);
      for (const line of lines) assert.ok(textWidth(line) <= 80, line);
      return lines.join("\n");
    };
    return { app, text, quit: () => left };
  }
}

function press(app: App, ...keys: string[]): void {
  for (const key of keys) app.key(key);
}

test("the numbers of a bucket, of which no event tells, follow the totals of the storage", async () => {
  const cloud = new Cloud();
  const { app, text } = cloud.open();
  using _ = app;
  await until("listed", () => /1 object, (?:.*\n)*.*docs .* 1 {2}10 B/.test(text()));
  // What is told within one frame is one change.
  await sleep(3 * LIMITS.tui.frameMs);
  cloud.objects = 7;
  cloud.beats.send("progress", "4", {});
  await until("as they are now", () => /docs .* 7 {2}70 B/.test(text()));
});

test("a name must be typed as it is; what is typed wrong is told", async () => {
  const cloud = new Cloud();
  const { app, text } = cloud.open();
  using _ = app;
  await until("listed", () => text().includes("docs"));
  press(app, "j", "d", "d", "o", "c", "x", "enter");
  assert.match(text(), /> docx▏ {2}that is another name/);
  assert.ok(!cloud.daemon.requests.some((request) => request.startsWith("DELETE")));
  press(app, "backspace", "s", "enter");
  await until("deleted", () => text().includes("bucket docs deleted"));
  assert.deepEqual(cloud.names, ["box"]);
});

test("a screen is gone to by the beginning of its name, or a part of it", async () => {
  const { app, text } = new Cloud().open();
  using _ = app;
  press(app, ":", "v", "o");
  assert.match(text(), / :vo▏ {2}Volumes/);
  press(app, "enter");
  assert.match(text(), /╭─ Volumes/);
  press(app, ":", "n", "d", "i", "n", "g", "enter");
  assert.match(text(), /╭─ Bindings/);
  press(app, ":", "x", "y");
  assert.match(text(), /there is none/);
  press(app, "enter");
  assert.match(text(), /no screen xy/);
  press(app, ":", "u", "s", "esc");
  assert.match(text(), /╭─ Bindings/);
});

test("a question of several fields: Enter goes on until nothing is missing, and what is refused is said", async () => {
  const cloud = new Cloud();
  const { app, text } = cloud.open();
  using _ = app;
  press(app, "1", "n", "enter");
  assert.match(text(), /New container[\s\S]* Image is missing\.[\s\S]* Image +> ▏/, "nothing was typed");
  press(app, ..."web");
  assert.doesNotMatch(text(), /is missing/);
  press(app, "enter");
  assert.match(text(), /^(?![\s\S]*missing)[\s\S]* Name +> ▏/, "asked for, nothing is wrong yet");
  press(app, "tab", "enter");
  assert.match(text(), / Name is missing\.[\s\S]* Name +> ▏/, "it still is missing");
  press(app, "shift-tab", "backspace", "s", "tab", ..."sit", "backspace", "x");
  assert.match(text(), / Image +> wes *│\n│ Name +> six▏/);
  press(app, "enter", "enter");
  await until("sent", () => cloud.daemon.requests.includes("POST /v1/containers"));
});

test("a key that does nothing here says so, and where the keys are told", async () => {
  const cloud = new Cloud();
  cloud.names = [];
  const { app, text } = cloud.open();
  using _ = app;
  const foot = () => text().split("\n").at(-1)?.trim();
  press(app, "4", "n");
  assert.equal(foot(), "Users has no key n. ? shows the keys.");
  press(app, " ");
  assert.equal(foot(), "Users has no key Space. ? shows the keys.");
  press(app, "j");
  assert.match(foot() ?? "", /quit/, "until the next key");
  press(app, "3");
  await until("none is there", () => text().includes("No buckets yet"));
  press(app, "d");
  assert.equal(foot(), "d (delete) needs a row, and there is none.");
});

test("esc leaves what was asked, the filter, what is below, and never the app", async () => {
  const cloud = new Cloud();
  const { app, text, quit } = cloud.open();
  using _ = app;
  await until("listed", () => text().includes("docs"));
  press(app, "n", "a", "esc");
  assert.doesNotMatch(text(), /New bucket/);
  press(app, "/", "d", "o", "enter");
  assert.match(text(), /1 of 2/);
  press(app, "enter");
  assert.match(text(), / docs: /);
  press(app, "esc");
  assert.match(text(), /1 of 2/);
  press(app, "esc", "esc", "esc");
  assert.match(text(), /Buckets {2}2/);
  assert.equal(quit(), false);
  press(app, "q");
  assert.equal(quit(), true);
});

test("q is a letter where one types", async () => {
  const { app, text, quit } = new Cloud().open();
  using _ = app;
  press(app, "/", "q", "?");
  assert.match(text(), /\/q\?▏/);
  press(app, "enter", "n", "q");
  assert.match(text(), /> q▏/);
  assert.equal(quit(), false);
  press(app, "ctrl-c");
  assert.equal(quit(), true);
});

test("every screen draws at every size", async () => {
  const cloud = new Cloud();
  const { app, text } = cloud.open();
  using _ = app;
  await until("listed", () => text().includes("docs"));
  for (const key of ["1", "2", "3", "4", "5", "6", "7", "8", "9", "?", "esc", "!", "esc", "3", "n"]) {
    press(app, key);
    for (const width of [1, 29, 30, 43, 80, 233]) {
      for (const height of [1, 7, 8, 9, 24, 70]) {
        const lines = drawApp(app, { width, height });
        assert.ok(lines.length <= height, `${key} at ${width}x${height}: ${lines.length} lines`);
        for (const line of lines) {
          const shown = line.map((piece) => piece.text).join("");
          assert.ok(textWidth(shown) <= width, `${key} at ${width}x${height}: ${shown}`);
        }
      }
    }
  }
});

test("who may not see the status sees the rest", async () => {
  const cloud = new Cloud();
  const problem = { status: 403, code: "forbidden", title: "forbidden", detail: "You may not." };
  cloud.statusFor = { status: 403, json: problem };
  const { app, text } = cloud.open();
  using _ = app;
  await until("live", () => /Skerry +alice@home {2}● live/.test(text()) && text().includes("docs"));
  for (const id of ["4", "5", "6"]) cloud.beats.send("progress", id, {});
  cloud.stream.send("put", "7.1", bucket("new", 1));
  await until("another bucket", () => text().includes("new"));
  await sleep(LIMITS.tui.statusPauseMs + 3 * LIMITS.tui.frameMs);
  const asked = cloud.daemon.requests.filter((request) => request === "GET /v1/status");
  assert.ok(asked.length <= 2, "each would be one more denial in the audit log");
  press(app, "!");
  assert.match(text(), /operators and admins/);
});
