import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { isError } from "./errors.ts";
import { canonicalLimits, durationMs, type RateRule } from "./route-limits.ts";

const rule: RateRule = { by: "ip", requests: 10, per: "60s" };

test("rates have one spelling", () => {
  deepEqual(
    canonicalLimits({
      rate: [
        { ...rule, burst: 10 },
        { by: "header:X-Key", requests: 5, per: "90s", burst: 1 },
      ],
    }),
    {
      rate: [
        { by: "ip", requests: 10, per: "1m" },
        { by: "header:x-key", requests: 5, per: "90s", burst: 1 },
      ],
    },
  );
  equal(canonicalLimits({}), undefined);
  equal(canonicalLimits({ rate: [] }), undefined);
  equal(durationMs("24h"), durationMs("1d"));
});

test("what cannot be counted so is refused", () => {
  for (const wrong of [
    [{ ...rule, by: "cookie:a" }],
    [{ ...rule, by: "header:" }],
    [{ ...rule, by: "header:a b" }],
    [{ ...rule, requests: 0 }],
    [{ ...rule, requests: 1.5 }],
    [{ ...rule, burst: 0 }],
    [{ ...rule, per: "0s" }],
    [{ ...rule, per: "10" }],
    [{ ...rule, per: "2d" }],
    [{ ...rule, per: "100ms" }],
    [rule, { ...rule, per: "1m", requests: 5 }],
    Array.from({ length: 9 }, (_, i) => ({ ...rule, per: `${i + 1}s` })),
  ]) {
    throws(
      () => canonicalLimits({ rate: wrong }),
      (error) => isError(error, "invalid"),
      JSON.stringify(wrong),
    );
  }
});
