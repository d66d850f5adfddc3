import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { isError } from "../../domain/errors.ts";
import { parseQuery, validate } from "./input.ts";

test("a query is taken as it was meant, or not at all", () => {
  assert.deepEqual({ ...parseQuery("prefix=%C3%BC+%26%3d&limit=5") }, { prefix: "\u00fc &=", limit: "5" });
  for (const text of ["prefix=%zz", "prefix=%", "prefix=%ff", "%c3=%bc", "a=1&a=2"]) {
    assert.throws(
      () => parseQuery(text),
      (error) => isError(error, "invalid"),
      text,
    );
  }
});

test("a refusal does not send all back that it refuses", () => {
  const members = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`${"x".repeat(100)}${i}`, 0]));
  assert.throws(
    () => validate(z.strictObject({}), members, "body"),
    (error) => isError(error, "invalid") && /Unrecognized keys/.test(error.message) && error.message.length < 1024,
  );
});
