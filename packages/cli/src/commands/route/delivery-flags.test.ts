import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";
import { isError } from "@skerry/core/contract/errors.ts";
import { deliveryOf } from "./delivery-flags.ts";

const isInvalid = (error: unknown) => isError(error, "invalid");

test("timeouts are said in one flag or several, beside what was there, and taken back", () => {
  const before = { timeouts: { headMs: 1, totalMs: 60_000 } };
  deepEqual(deliveryOf({ timeout: [] }, before), {});
  deepEqual(deliveryOf({ timeout: ["head=5s,body=250ms", "total=2m"] }), {
    timeouts: { headMs: 5000, bodyMs: 250, totalMs: 120_000 },
  });
  deepEqual(deliveryOf({ timeout: ["head=1h"] }, before), { timeouts: { headMs: 3_600_000, totalMs: 60_000 } });
  deepEqual(deliveryOf({ timeout: ["default"] }, before), { timeouts: null });
  for (const text of ["head", "head=", "head=5", "5s", "tail=5s", "head=-5s", "head=5s5s"]) {
    throws(() => deliveryOf({ timeout: [text] }), isInvalid, text);
  }
  throws(() => deliveryOf({ timeout: ["default", "head=5s"] }), isInvalid);
});
