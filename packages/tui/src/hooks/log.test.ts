import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { LogView } from "../app/log-view.ts";
import type { Line } from "../components/line.ts";
import { drawLog, plainLogLine } from "../components/log-pane.ts";
import { callOf } from "../screens/screen.ts";
import { FakeDaemon, until } from "../testing/fake-daemon.ts";
import { Log } from "./log.ts";

async function* parts(...texts: (string | Error)[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) {
    if (text instanceof Error) throw text;
    yield Buffer.from(text);
  }
}

const source = { call: (since: string | undefined) => callOf(nodeRoutes.metrics, { headers: { since: since ?? "" } }) };

function read(...answers: AsyncIterable<Uint8Array>[]): { log: Log; daemon: FakeDaemon } {
  const daemon = new FakeDaemon(() => ({ bytes: answers.shift() ?? parts() }));
  return { log: new Log(daemon.client, source, () => 1_000), daemon };
}

test("lines come in any parts; the last needs no end", async () => {
  const bytes = Buffer.from("日本\r\nb");
  const cut = (async function* () {
    for (const byte of bytes) yield Uint8Array.of(byte);
  })();
  const { log } = read(cut);
  using _ = log;
  await until("ended", () => log.state.state === "ended");
  assert.deepEqual(log.lines, ["日本", "b"]);
});

test("the newest lines are kept, and a line that never ends is cut", async () => {
  const { maxLogLines, maxLogLineLength } = LIMITS.tui;
  const many = Array.from({ length: maxLogLines * 2 }, (_, i) => `${i}\n`).join("");
  const endless = Array.from({ length: 50 }, () => "x".repeat(maxLogLineLength / 10));
  const { log } = read(parts(many, ...endless, "\nlast\n"));
  using _ = log;
  await until("ended", () => log.state.state === "ended");
  assert.ok(log.lines.length <= maxLogLines * 1.1);
  assert.equal(log.dropped + log.lines.length, maxLogLines * 2 + 2);
  assert.deepEqual([log.lines.at(-1), log.lines.at(-2)?.length], ["last", maxLogLineLength]);
  assert.equal(log.lines.at(-3), `${maxLogLines * 2 - 1}`);
});

test("a connection that breaks is made again, from where it broke", async () => {
  const asked: string[] = [];
  const answers = [parts("a\n", new SkerryError("unavailable", "gone")), parts("b\n")];
  const daemon = new FakeDaemon((_, { headers }) => {
    asked.push(headers["since"] ?? "");
    return { bytes: answers.shift() ?? parts() };
  });
  using log = new Log(daemon.client, source, () => 1_000);
  await until("again", () => log.state.state === "ended");
  assert.deepEqual(log.lines, ["a", "b"]);
  assert.deepEqual(asked, ["", "1970-01-01T00:00:01.000Z"]);
});

const textOf = (line: Line) => line.map(({ text }) => text).join("");

test("what was searched for stands out, in whatever case, and nothing else of the line changes", () => {
  const [line = []] = drawLog(["an Error, errors; İerror"], { mark: "error", top: 0, wrap: false, atEnd: true }, 60, 1);
  assert.equal(textOf(line), " an Error, errors; İerror");
  const [plain = []] = drawLog(["an Error, errors"], { mark: "error", top: 0, wrap: false, atEnd: true }, 60, 1);
  const marked = plain.filter(({ bold }) => bold).map(({ text }) => text);
  assert.deepEqual([marked, textOf(plain)], [["Error", "error"], " an Error, errors"]);
});

test("colours are left out, what would steer the terminal is text, and wide lines are broken or cut", () => {
  assert.equal(plainLogLine("\x1b[1;31mbad\x1b[0m\tx\x1b]0;title\x07"), "bad    x\\x1b]0;title\\x07");
  const view = { mark: "", top: 0, atEnd: false };
  const text = (wrap: boolean) => drawLog(["日本語日本語", "b"], { ...view, wrap }, 8, 5).map(textOf);
  assert.deepEqual(text(false), [" 日本…", " b"]);
  assert.deepEqual(text(true), [" 日本語", " 日本語", " b"]);
  const end = drawLog(["long ".repeat(9), "z"], { mark: "", top: 0, wrap: true, atEnd: true }, 8, 2);
  assert.equal(end.map(textOf).at(-1), " z", "the newest is in sight, whatever is before it");
});

test("where one stopped stays while lines come and the oldest go", async () => {
  let feed = (_: string) => {};
  const queue: string[] = [];
  const endless = (async function* () {
    for (;;) {
      const text = queue.shift();
      if (text === undefined)
        await new Promise<void>((resolve) => (feed = (more) => void resolve(void queue.push(more))));
      else yield Buffer.from(text);
    }
  })();
  const daemon = new FakeDaemon(() => ({ bytes: endless }));
  using view = new LogView("log", source, daemon.client, () => 0);
  const first = () => view.lines[view.settle(10, view.lines.length)];
  const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}\n`).join("");
  await until("asked", () => view.log.state.state === "live");
  feed(lines(0, 100));
  await until("the first", () => view.lines.length === 100);
  assert.equal(first(), "90");
  view.act("page-up");
  assert.equal(first(), "80");
  feed(lines(100, 200));
  await until("more", () => view.lines.length === 200);
  assert.equal(first(), "80");
  view.act("last");
  assert.equal(first(), "190");
  const all = LIMITS.tui.maxLogLines * 2;
  view.act("up");
  feed(lines(200, all));
  await until("the oldest are gone", () => view.lines.at(-1) === `${all - 1}`);
  assert.equal(first(), view.lines[0], "what was in sight is gone: the oldest that is left");
  view.choose({ filter: "77" });
  assert.ok(view.lines.every((line) => line.includes("77")));
});
