import assert from "node:assert/strict";
import { test } from "node:test";
import { accessLogRoutes } from "@skerry/core/contract/api/access-log.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { App } from "../app/app.ts";
import { drawApp } from "../app/draw.ts";
import { View } from "../app/view.ts";
import { requestsScreen } from "../screens/requests.ts";
import { callOf, type Row } from "../screens/screen.ts";
import { FakeDaemon, until } from "../testing/fake-daemon.ts";
import { Tail } from "./tail.ts";

const { maxLogLines } = LIMITS.tui;

/** Lines that the test gives as it goes. */
class Feed {
  #wake = () => {};
  readonly #parts: (string | Error)[] = [];

  send(...parts: (string | Error)[]): void {
    this.#parts.push(...parts);
    this.#wake();
  }

  async *read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const part = this.#parts.shift();
      if (part instanceof Error) throw part;
      if (part === "end") return;
      if (part !== undefined) yield Buffer.from(part);
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

function lines(from: number, to: number, status = 200): string {
  const line = (i: number) => JSON.stringify({ time: `2026-11-22T00:00:00.000Z`, id: `${i}`, status, path: `/${i}` });
  return Array.from({ length: to - from }, (_, i) => `${line(from + i)}\n`).join("");
}

function open(feed: Feed, daemon = new FakeDaemon(() => ({ bytes: feed.read() }))) {
  const source = {
    kind: "lines" as const,
    call: () => callOf(accessLogRoutes.read, { params: {}, query: {} }),
    rowOf: (text: string) => Number((JSON.parse(text) as { id: string }).id),
  };
  return new Tail<number>({ client: daemon.client, source, nowMs: () => 0 });
}

test("the newest stand first, the oldest go and are counted; the few that are wanted stay whatever else comes", async () => {
  const feed = new Feed();
  using tail = open(feed);
  tail.choose((id) => id % 10_000 === 0);
  const all = maxLogLines * 3;
  feed.send(lines(0, all));
  await until("all came", () => tail.count.kept + tail.count.left === all);
  assert.deepEqual(tail.items, [20_000, 10_000, 0]);
  assert.ok(tail.count.kept <= maxLogLines * 1.1, `${tail.count.kept}`);
  tail.choose(undefined);
  assert.deepEqual([tail.items[0], tail.items.length], [all - 1, tail.count.kept]);
});

test("broken off, or ended in order: it is asked again, and what is known already comes once", async () => {
  const feeds = [new Feed(), new Feed(), new Feed()];
  const daemon = new FakeDaemon(() => ({ bytes: (feeds[daemon.requests.length - 1] ?? new Feed()).read() }));
  using tail = open(new Feed(), daemon);
  feeds[0]?.send(lines(0, 3), new SkerryError("unavailable", "gone"));
  await until("stale", () => tail.phase.state === "stale");
  feeds[1]?.send(lines(1, 5), "end");
  await until("again", () => tail.items.length === 5);
  feeds[2]?.send(lines(4, 6));
  await until("and again", () => tail.items.length === 6 && tail.phase.state === "live");
  assert.deepEqual(tail.items, [5, 4, 3, 2, 1, 0]);
});

test("what is refused is not asked for again", async () => {
  const problem = { status: 409, code: "conflict", detail: "This node keeps no access log." };
  const daemon = new FakeDaemon(() => ({ status: 409, json: problem }));
  using tail = open(new Feed(), daemon);
  await until("failed", () => tail.phase.state === "failed");
  assert.equal(daemon.requests.length, 1);
});

test("who looks at one row sees it until they go on, however much comes; then the newest is there", async () => {
  const feed = new Feed();
  const daemon = new FakeDaemon(() => ({ bytes: feed.read() }));
  using view = new View(requestsScreen, daemon.client, () => 0);
  const idOf = (row: Row | undefined) => (row as unknown as { id: string } | undefined)?.id;
  const chosen = () => {
    view.settle(20);
    return idOf(view.chosen);
  };
  feed.send(lines(0, 100));
  await until("listed", () => view.rows.length === 100);
  assert.equal(chosen(), "99");
  feed.send(lines(100, 101));
  await until("it follows", () => chosen() === "100");
  view.move(1);
  assert.deepEqual([chosen(), view.waiting], ["99", 0]);
  feed.send(lines(101, 101 + maxLogLines * 2));
  await until("much came", () => view.waiting === maxLogLines * 2);
  assert.deepEqual([chosen(), view.rows.length], ["99", 101]);
  view.pause(false);
  assert.equal(chosen(), `${100 + maxLogLines * 2}`);
  view.choose({ filter: "5xx" });
  assert.equal(view.rows.length, 0);
  feed.send(lines(0, 1, 503));
  await until("what is wanted comes", () => view.rows.length === 1);
});

test("what a client sends steers no terminal: not in a row, not in its detail", async () => {
  const feed = new Feed();
  const none = { status: 403, json: { status: 403, code: "forbidden", detail: "No." } };
  const daemon = new FakeDaemon((target) => (target.includes("/gateway/log") ? { bytes: feed.read() } : none));
  const options = { client: daemon.client, context: "home", nowMs: () => 0, quit: () => undefined };
  using app = new App({ ...options, screens: [requestsScreen] });
  const text = () => {
    const lines = drawApp(app, { width: 100, height: 30 });
    return lines.map((line) => line.map((piece) => piece.text).join("")).join("\n");
  };
  const hostile = "\x1b[31m\x07\u009b5n\u202e";
  const time = "2026-11-22T00:00:00.000Z";
  const line = { time, status: 200, method: "GET", host: hostile, path: hostile, name: hostile, client: hostile };
  feed.send(`${JSON.stringify({ ...line, error: hostile, status: hostile, durationUs: hostile })}\n`);
  await until("it came", () => text().includes("x1b[31m"));
  const steers = /[\p{Cc}\u202e]/u;
  for (const key of ["esc", "enter", "esc", "f", "o"]) {
    app.key(key);
    assert.doesNotMatch(text().replaceAll("\n", ""), steers, key);
  }
});
