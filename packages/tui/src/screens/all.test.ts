import assert from "node:assert/strict";
import { test } from "node:test";
import { ROOT_SCREENS } from "./all.ts";

test("what stands at the right is a number or an age, and sorts as that", () => {
  for (const { id, presentation } of ROOT_SCREENS) {
    for (const { title, align, order } of presentation.columns)
      assert.ok(align !== "right" || order !== undefined, `${id}: ${title}`);
  }
});

test("every screen has a word, a name and something to say when it is empty", () => {
  const words = ROOT_SCREENS.flatMap(({ id, title }) => [id, title]);
  assert.equal(new Set(words).size, words.length);
  for (const { id, empty, presentation } of ROOT_SCREENS) {
    assert.match(empty, /\.$/, id);
    const titles = presentation.columns.map(({ title }) => title);
    for (const title of presentation.leaveOut ?? []) assert.ok(titles.includes(title), `${id}: ${title}`);
  }
});
