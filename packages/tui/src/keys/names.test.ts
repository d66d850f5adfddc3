import assert from "node:assert/strict";
import { test } from "node:test";
import type { Key } from "ink";
import { isText, keyNames } from "./names.ts";

function names(input: string, flags: Partial<Key> = {}): string[] {
  return keyNames(input, flags as Key);
}

test("a burst of characters is as many keys", () => {
  assert.deepEqual(names("/日é\r"), ["/", "日", "é", "enter"]);
  assert.deepEqual(names("a\r\x13\x15b"), ["a", "enter", "ctrl-s", "ctrl-u", "b"]);
  assert.deepEqual(names("\x7f\b\t"), ["backspace", "backspace", "tab"]);
});

test("named keys, with control, and Esc that ran into the next key", () => {
  assert.deepEqual(names("", { upArrow: true }), ["up"]);
  assert.deepEqual(names("", { tab: true, shift: true }), ["shift-tab"]);
  assert.deepEqual(names("c", { ctrl: true }), ["ctrl-c"]);
  assert.deepEqual(names("6", { meta: true }), ["esc", "6"]);
  assert.deepEqual(names("", { meta: true, return: true }), ["esc", "enter"]);
  assert.deepEqual(names("", { meta: true, escape: true }), ["esc", "esc"]);
});

test("what a prompt takes", () => {
  for (const key of ["a", "é", "日", "👍", " "]) assert.ok(isText(key), key);
  for (const key of ["up", "ctrl-c", "\x1b", "\u0085", ""]) assert.ok(!isText(key), JSON.stringify(key));
});
