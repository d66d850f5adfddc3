import assert from "node:assert/strict";
import { test } from "node:test";
import { ERROR_TABLE, type ErrorId, fromProblem, SkerryError, toProblem } from "./errors.ts";

test("every code and reason keeps its status and exit status over the wire", () => {
  for (const [code, row] of Object.entries(ERROR_TABLE)) {
    for (const id of [code, ...Object.keys(row.reasons).map((reason) => `${code}/${reason}`)]) {
      const error = new SkerryError(id as ErrorId, "It happened.", { hint: "Do this.", details: { a: 1 } });
      const back = fromProblem(JSON.parse(JSON.stringify(toProblem(error, "r1"))));
      assert.ok(back.is(id as ErrorId), id);
      assert.deepEqual([back.status, back.exitStatus], [error.status, error.exitStatus]);
      assert.deepEqual([back.message, back.hint, back.details], ["It happened.", "Do this.", { a: 1 }]);
    }
  }
});

test("a code or reason that nobody knows becomes the nearest known one, also when JavaScript knows the word", () => {
  for (const code of ["teapot", "constructor", "toString", "__proto__"]) {
    const error = fromProblem({ status: 418, code: code as never, reason: "x" });
    assert.deepEqual([error.code, error.reason, error.status, error.exitStatus], ["internal", undefined, 500, 1], code);
  }
  assert.deepEqual(fromProblem({ status: 409, code: "conflict", reason: "constructor" }).reason, undefined);
});
