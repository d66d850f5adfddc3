/** A log of a thousand lines a second on a real terminal: drawn ten times a second at most, and readable meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { assertScreen } from "../src/testing/screen-golden.ts";
import { Tmux } from "../src/testing/tmux.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const SECONDS = 4;
const LINES = 1000 * SECONDS;

function open(): Promise<Tmux> {
  const program = `${process.execPath} --conditions=source --import ${ROOT}tools/tsx/register.ts`;
  const command = `${program} ${ROOT}packages/tui/src/testing/log-demo.tsx 1000 ${SECONDS}`;
  return Tmux.start({ columns: 80, rows: 24, env: { NODE_ENV: "production" }, command });
}

test("a thousand lines a second: no line is lost, ten frames a second, stop, filter and wrap", async () => {
  await using tmux = await open();
  await tmux.until("the screen", (text) => text.includes("▸ web"));
  await tmux.keys("Enter");
  await tmux.passing("following", (text) => text.includes("following") && text.includes("request 20"));
  const end = await tmux.until("the end", (text) => text.includes("it has ended"));
  assert.match(end.at(-3) ?? "", new RegExp(`request ${LINES} .*200 {4}1.3 ms`));
  assertScreen("log", end);
  await tmux.keys("PPage");
  await tmux.until(
    "where one stopped",
    (text) => text.includes(`request ${LINES - 25} `) && !text.includes(`request ${LINES} `),
  );
  await tmux.type("/ERROR request 39\r");
  await tmux.until("filtered", (text) => text.includes(`of ${LINES}`) && !text.includes("INFO"));
  await tmux.keys("C-c");
  const left = await tmux.until("the figures", (text) => text.includes("left with 0"));
  const [, lines, frames] = /lines (\d+) frames (\d+)/.exec(left.join("\n")) ?? [];
  assert.equal(Number(lines), LINES);
  assert.ok(Number(frames) <= SECONDS * 10 + 2, `${frames} frames in ${SECONDS} s`);
  assert.ok(Number(frames) >= SECONDS, `${frames} frames: it moved`);
});

test("a command gets the terminal, and all that is typed; then the screens come back", async () => {
  await using tmux = await open();
  for (const time of ["first", "second"]) {
    await tmux.until("the screen", (text) => text.includes("▸ web"));
    await tmux.keys("e");
    await tmux.until("the command", (text) => text.includes("at the shell") && !text.includes("▸ web"));
    assert.equal(await tmux.ask("#{alternate_on} #{cursor_flag}"), "0 1");
    await tmux.type(`${time} q quits nothing\r`);
    await tmux.until("all of it", (text) => text.includes(`got ${time} q quits nothing`));
    await tmux.type("bye\r");
    await tmux.until("back", (text) => text.includes("shell ended with 0") && text.includes("▸ web"));
  }
  await tmux.keys("q");
  await tmux.until("left", (text) => text.includes("left with 0"));
});
