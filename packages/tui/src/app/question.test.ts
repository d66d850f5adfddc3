import assert from "node:assert/strict";
import { test } from "node:test";
import type { Call } from "../screens/screen.ts";
import { answerOf, ask, retyped, wordFor } from "./question.ts";

const call = {} as Call;

test("a name that can be typed must be typed; another is confirmed by a word", () => {
  assert.equal(wordFor("my-bucket"), "my-bucket");
  assert.equal(wordFor("guide/start 1.md"), "guide/start 1.md");
  for (const name of ["\x1b[31mred", "日本", "a\nb", " a", "x".repeat(65)]) {
    assert.equal(wordFor(name), "delete", JSON.stringify(name));
    const question = ask({ kind: "confirm", title: "", hint: "", name, call, done: "gone" });
    assert.equal(answerOf(question), undefined);
    assert.equal(answerOf(retyped(question, () => "delete"))?.done, "gone");
  }
});

test("what is typed is handed on without the spaces around it; what is under way is not done twice", () => {
  const seen: string[][] = [];
  const question = ask({
    kind: "prompt",
    title: "",
    hint: "",
    fields: [
      { label: "a", value: " x " },
      { label: "b", optional: true },
    ],
    call: (...texts) => {
      seen.push(texts);
      return call;
    },
    done: () => "made",
  });
  assert.equal(answerOf(question)?.done, "made");
  assert.deepEqual(seen, [["x", ""]]);
  assert.equal(answerOf({ ...question, busy: true }), undefined);
});
