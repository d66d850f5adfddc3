import assert from "node:assert/strict";
import { test } from "node:test";
import type { Call } from "../screens/screen.ts";
import { answerOf, ask, edited, retyped, stepped, unasked, wordFor } from "./question.ts";

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

test("what is said once more before it is done: nothing is typed meanwhile, and one comes back to what was typed", () => {
  const sure = (to = "") => `It will lead to ${to}.`;
  const intent = { kind: "prompt" as const, title: "", hint: "", fields: [{ label: "To" }], call: () => call, sure };
  const asked = ask({ ...intent, done: () => "done" });
  assert.equal(stepped(asked)?.problem?.message, "To is missing.");
  const typed = edited(edited(asked, undefined, "x"), undefined, "y");
  const again = stepped(typed);
  assert.equal(again?.sure, "It will lead to xy.");
  assert.ok(again !== undefined);
  assert.deepEqual(edited(again, undefined, "z").typed, ["xy"]);
  assert.equal(stepped(again), undefined, "then it is done");
  assert.deepEqual(unasked(again), typed);
});

test("a question without a field needs but Enter", () => {
  const question = ask({ kind: "sure", title: "", hint: "", word: "drain", call, done: "drained" });
  assert.equal(stepped(question), undefined);
  assert.deepEqual(edited(edited(question, "next-field", "tab"), undefined, "x"), question);
  assert.equal(answerOf(question)?.done, "drained");
});
