import assert from "node:assert/strict";
import { test } from "node:test";
import { ROOT_SCREENS } from "../screens/all.ts";
import { actionFor, BINDINGS, type Mode } from "./registry.ts";

test("a key means one thing in a mode", () => {
  for (const mode of ["list", "filter", "goto", "text", "log", "question"] satisfies Mode[]) {
    const keys = BINDINGS.filter(({ modes }) => modes.includes(mode)).flatMap((binding) => binding.keys);
    assert.deepEqual(
      keys.filter((key, i) => keys.indexOf(key) !== i),
      [],
      mode,
    );
    assert.equal(actionFor(mode, "ctrl-c"), "quit", `${mode}: one can always leave`);
  }
});

test("no screen takes a key that means something everywhere, or one twice", () => {
  for (const { id, keys } of ROOT_SCREENS) {
    for (const { key } of keys) assert.equal(actionFor("list", key), undefined, `${id}: ${key}`);
    assert.equal(new Set(keys.map(({ key }) => key)).size, keys.length, id);
  }
});

test("every screen has a number", () => {
  assert.ok(ROOT_SCREENS.slice(0, 9).length === 9);
});
