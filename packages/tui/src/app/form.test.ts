import assert from "node:assert/strict";
import { test } from "node:test";
import { textWidth } from "@skerry/core/contract/present/width.ts";
import { ROOT_SCREENS } from "../screens/all.ts";
import { type Answer, FakeDaemon, Stream, until } from "../testing/fake-daemon.ts";
import { App } from "./app.ts";
import { drawApp } from "./draw.ts";

const CREATED = "2026-08-02T12:00:00.000Z";

/** A cloud of one route, that answers changes as the test says. */
class Cloud {
  revision = 7;
  spec: Record<string, unknown> = { host: "shop.example", path: "/", to: "upstream/web", timeouts: { headMs: 5000 } };
  readonly sent: { target: string; body: Record<string, unknown> }[] = [];
  readonly refusals: Record<string, unknown>[] = [];
  readonly daemon = new FakeDaemon((target, { method, body }) => this.#answer(target, method, body as string));

  get route() {
    const meta = { uid: "uid-shop", name: "shop", project: "p", projectName: "alice", labels: {}, generation: 1 };
    const times = { createdAt: CREATED, updatedAt: CREATED };
    return { kind: "route", meta: { ...meta, revision: this.revision, ...times }, spec: this.spec };
  }

  #answer(target: string, method: string, body: string): Answer {
    if (method === "GET" && target.startsWith("/v1/routes/shop")) return { json: this.route };
    if (method === "GET" && target.startsWith("/v1/routes")) {
      if (target.includes("watch=1")) return { stream: new Stream() };
      return { json: { items: [this.route], revision: 3 } };
    }
    if (target === "/v1/status") return { status: 403, json: { status: 403, code: "forbidden", detail: "No." } };
    if (method === "GET") return { json: { items: [], revision: 1 } };
    this.sent.push({ target, body: JSON.parse(body) as Record<string, unknown> });
    const refusal = this.refusals.shift();
    return refusal === undefined ? { json: this.route } : { status: 400, json: { status: 400, ...refusal } };
  }

  async open() {
    const client = this.daemon.client;
    const app = new App({ client, context: "home", nowMs: () => 0, screens: ROOT_SCREENS, quit: () => undefined });
    const text = (size = { width: 80, height: 24 }) => {
      const lines = drawApp(app, size).map((line) => line.map((piece) => piece.text).join(""));
      assert.ok(lines.length <= size.height);
      for (const line of lines) assert.ok(textWidth(line) <= size.width, line);
      return lines.join("\n");
    };
    const press = (...keys: string[]) => {
      for (const key of keys) app.key(key);
    };
    press("2");
    await until("listed", () => text().includes("shop.example"));
    return { app, text, press };
  }
}

test("a new one: looked at before it is made, and nothing is sent before", async () => {
  const cloud = new Cloud();
  const { app, text, press } = await cloud.open();
  using _ = app;
  press("n", ..."a.example", "enter", "enter", "enter", ..."bucket/docs");
  assert.match(text(), /▾ From where[\s\S]*Host +> a\.example[\s\S]*▸ +To +> bucket\/docs▏/);
  assert.deepEqual(cloud.sent, []);
  press("ctrl-s");
  await until("looked at", () => /would be made so[\s\S]*host\s[\s\S]*\+ a\.example/.test(text()));
  press("x", "down", "esc");
  assert.match(text(), /To +> bucket\/docs▏/, "back, with all that was typed");
  press("ctrl-s");
  await until("looked at", () => text().includes("would be made so"));
  press("enter");
  await until("made", () => text().includes("a.example is a route"));
  const body = { spec: { host: "a.example", to: "bucket/docs" } };
  const [target, rehearsed] = ["/v1/routes", "/v1/routes?dryRun=1"];
  assert.deepEqual(cloud.sent, [
    { target: rehearsed, body },
    { target: rehearsed, body },
    { target, body },
  ]);
});

test("what is refused stands at its field, in a part that opens; nothing of what was typed is lost", async () => {
  const cloud = new Cloud();
  const problems = [
    { field: "body.spec.timeouts.totalMs", rule: "Too big" },
    { field: "body.spec.limits.rate.1.per", rule: "No time" },
  ];
  cloud.refusals.push({ code: "invalid", detail: "The request is not valid.", details: { problems } });
  cloud.refusals.push({ code: "invalid", detail: "No method: FOO.", hint: "Like GET.", details: { field: "methods" } });
  cloud.refusals.push({ code: "forbidden", detail: "You may \x1b[31mnot.", hint: "Ask an admin." });
  const { app, text, press } = await cloud.open();
  using _ = app;
  press("e", "down", "down", "backspace", "1", "ctrl-s");
  const tall = { width: 100, height: 60 };
  await until("both are told", () => /Total +>[^\n]*\n[^\n]*▲ Too big/.test(text(tall)));
  assert.match(text(tall), /To +> upstream\/we1 /);
  assert.match(text(tall), /▾ Who may come/);
  press("ctrl-s");
  await until("by the end of its name", () => /Methods +>[^\n]*\n[^\n]*▲ No method: FOO\. Like GET\./.test(text(tall)));
  press("ctrl-s");
  await until("what is of no field", () => /You may \\x1b\[31mnot\.[\s\S]*Ask an admin\./.test(text()));
  press("ctrl-s");
  await until("taken", () => text().includes("This would change"));
  assert.match(text(), /to\s[\s\S]*- upstream\/web[\s\S]*\+ upstream\/we1/);
  press("enter");
  await until("changed", () => text().includes("route shop changed"));
  assert.deepEqual(cloud.sent.at(-1), {
    target: "/v1/routes/shop?project=p",
    body: { spec: { to: "upstream/we1" }, revision: 7 },
  });
});

test("somebody else has changed it: theirs comes into the fields that nobody has touched", async () => {
  const cloud = new Cloud();
  cloud.refusals.push({ status: 412, code: "conflict", reason: "precondition", detail: "It has changed." });
  const { app, text, press } = await cloud.open();
  using _ = app;
  press("e", "down", "down", "ctrl-u", ..."bucket/b", "ctrl-s");
  await until("told", () => text().includes("Somebody else has changed it meanwhile."));
  cloud.spec = { ...cloud.spec, path: "/theirs", to: "upstream/theirs" };
  cloud.revision = 9;
  press("ctrl-r");
  await until("theirs and mine", () => /Path +> \/theirs[\s\S]*To +> bucket\/b▏/.test(text()));
  press("ctrl-s");
  await until("against theirs", () => /- upstream\/theirs[\s\S]*\+ bucket\/b/.test(text()));
  assert.deepEqual(cloud.sent.at(-1)?.body, { spec: { to: "bucket/b" }, revision: 9 });
});

test("esc asks once more when something was typed; nothing that would change is not sent", async () => {
  const cloud = new Cloud();
  const { app, text, press } = await cloud.open();
  using _ = app;
  press("e", "esc");
  assert.match(text(), /Routes {2}1/);
  press("e", "ctrl-s");
  await until("nothing", () => text().includes("Nothing would change."));
  press("x", "backspace", "x", "esc");
  assert.match(text(), /Route shop[\s\S]*Esc once more/);
  press("down", "esc");
  assert.match(text(), /Route shop[\s\S]*Esc once more/);
  press("esc");
  assert.match(text(), /Routes {2}1/);
  assert.deepEqual(cloud.sent, []);
});

test("lines come and go, choices turn, what cannot change does not, and what depends on a choice shows with it", async () => {
  const cloud = new Cloud();
  const { app, text, press } = await cloud.open();
  using _ = app;
  press("e", "up", "x", "y");
  assert.match(text(), /▸ +Host +> shop\.example {2}/);
  press("down", "down", "right");
  assert.match(text(), /Requests are {2}> ‹ redirect ›[\s\S]*Sent to[\s\S]*With status/);
  assert.doesNotMatch(text(), / To +>/);
  press("a");
  assert.match(text(), /‹ answer ›[\s\S]*Status[\s\S]*Text/);
  press("right");
  assert.match(text(), /‹ split ›[\s\S]*Among +>/);
  press("right", "pgdn", "pgdn", "pgdn", "home", "up");
  press(...Array.from({ length: 40 }, () => "up"), ...Array.from({ length: 7 }, () => "down"), "right");
  assert.match(text(), /▸▾ Which requests/);
  press("down", "down", "down", ..."X-A: 1", "enter", ..."!X-B", "enter");
  assert.match(text(), /Headers +> X-A: 1[\s\S]*> !X-B[\s\S]*▸ +\+ ▏/);
  press("up", "up", "ctrl-u", "down");
  assert.match(text(), /Headers +> !X-B▏/, "an empty line goes");
});

test("a split stands in a line of its own, canary and hedging below; each change of them is sent as it is", async () => {
  const cloud = new Cloud();
  const variants = [
    { name: "a", to: "upstream/a", weight: 9 },
    { name: "b", to: "upstream/b", weight: 1 },
  ];
  const canary = { variant: "b", steps: [10, 100], every: "5m", maxErrorPercent: 5, minRequests: 50 };
  cloud.spec = { host: "shop.example", path: "/", split: { variants }, canary, hedge: { afterMs: 50 } };
  const { app, text, press } = await cloud.open();
  using _ = app;
  const saved = async (...keys: string[]) => {
    press("e", ...keys, "ctrl-s");
    await until("looked at", () => text().includes("This would change"));
    press("enter");
    await until("changed", () => text().includes("route shop changed"));
    return cloud.sent.at(-1)?.body["spec"];
  };
  press("e", "ctrl-s");
  await until("nothing", () => text().includes("Nothing would change."));
  assert.match(
    text(),
    /Requests are +> split[\s\S]*Among +> .*weight: 9\}, \{name: b, to: upstream\/b, weight: 1\}\]\}/,
  );
  assert.doesNotMatch(text(), / To +>/);
  press("esc");
  const among = "{variants: [{name: a, to: upstream/a}, {name: b, to: upstream/c, weight: 2}]}";
  assert.deepEqual(await saved("down", "down", "ctrl-u", ...among), {
    split: {
      variants: [
        { name: "a", to: "upstream/a" },
        { name: "b", to: "upstream/c", weight: 2 },
      ],
    },
  });
  assert.deepEqual(await saved("down", "right", "down", ..."bucket/b"), { to: "bucket/b" });
  const more = "{canary: {variant: b, steps: [50]}}";
  const toEnd = Array.from({ length: 40 }, () => "down");
  assert.deepEqual(await saved(...toEnd, "up", "right", ...toEnd, "up", "ctrl-u", ...more), {
    canary: { variant: "b", steps: [50] },
    hedge: null,
  });
});

test("? tells the keys where nothing is typed, and one comes back to the form", async () => {
  const { app, text, press } = await new Cloud().open();
  using _ = app;
  press("e", "?");
  assert.match(text(), /Path +> \/\?▏/);
  press("down", "?");
  assert.match(text(), /In this form[\s\S]*Ctrl-S +look at what would change/);
  press("esc");
  assert.match(text(), /Path +> \/\? [\s\S]*‹ forward ›/);
});

test("a form draws at every size", async () => {
  const { app, text, press } = await new Cloud().open();
  using _ = app;
  press("e");
  for (let i = 0; i < 30; i++) {
    press(i % 2 === 0 ? "enter" : "down");
    for (const width of [30, 43, 80, 233]) for (const height of [8, 9, 24, 70]) text({ width, height });
  }
});
