import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";
import { isError } from "@skerry/core/contract/errors.ts";
import { careOf, newCare } from "./care.ts";

const NOTHING = { health: undefined, breaker: undefined, ejection: undefined, "slow-start": undefined } as const;

test("flags say what is done about backends that fail, and take it back", () => {
  deepEqual(careOf(NOTHING), {});
  deepEqual(
    careOf({
      health: "path=/healthz,every=2s,timeout=500ms,status=200-299,unhealthy=2",
      breaker: "failures=3,ratio=20%,open=1s,max-open=2m",
      ejection: "on",
      "slow-start": "30s",
    }),
    {
      health: { path: "/healthz", intervalMs: 2000, timeoutMs: 500, status: "200-299", unhealthy: 2 },
      breaker: { failures: 3, ratioPercent: 20, openMs: 1000, maxOpenMs: 120_000 },
      ejection: {},
      slowStartMs: 30_000,
    },
  );
  deepEqual(careOf({ ...NOTHING, health: "tcp", breaker: "none", "slow-start": "0s" }), {
    ...{ health: {}, breaker: null, slowStartMs: 0 },
  });
  deepEqual(newCare({ ...NOTHING, health: "tcp", breaker: "none" }), { health: {} });
  for (const wrong of [
    { health: "/healthz" },
    { health: "every=5" },
    { breaker: "path=/x" },
    { breaker: "failures=x" },
    { ejection: "" },
    { "slow-start": "30" },
  ]) {
    throws(
      () => careOf({ ...NOTHING, ...wrong }),
      (error) => isError(error, "invalid"),
      JSON.stringify(wrong),
    );
  }
});
