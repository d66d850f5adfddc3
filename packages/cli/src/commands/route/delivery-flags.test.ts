import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";
import { isError } from "@skerry/core/contract/errors.ts";
import { deliveryOf as read } from "./delivery-flags.ts";

const NONE = {
  ...{ retries: undefined, "retry-on": undefined, "retry-budget": undefined, "retry-backoff": undefined },
  ...{ hedge: undefined, "hedge-most": undefined, "hedge-budget": undefined },
};
const deliveryOf = (flags: Partial<Parameters<typeof read>[0]>, before?: Parameters<typeof read>[1]) =>
  read({ timeout: [], ...NONE, ...flags }, before);
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

test("retries are said by their number, the rest beside what was there, and taken back with 0", () => {
  const before = { retries: { attempts: 1, budgetPercent: 20 } };
  deepEqual(deliveryOf({ retries: "2", "retry-on": "503, timeout", "retry-backoff": "50ms" }), {
    retries: { attempts: 2, on: ["503", "timeout"], backoffMs: 50 },
  });
  deepEqual(deliveryOf({ "retry-budget": "5%" }, before), { retries: { attempts: 1, budgetPercent: 5 } });
  deepEqual(deliveryOf({ retries: "3" }, before), { retries: { attempts: 3, budgetPercent: 20 } });
  deepEqual(deliveryOf({ retries: "0" }, before), { retries: null });
  for (const flags of [{ retries: "x" }, { "retry-on": "503" }, { retries: "1", "retry-budget": "-1" }]) {
    throws(() => deliveryOf(flags), isInvalid, JSON.stringify(flags));
  }
});

test("hedging is said by its wait, a percentile or a time, the rest beside what was there, and taken back with off", () => {
  const before = { hedge: { afterMs: 20, budgetPercent: 2 } };
  deepEqual(deliveryOf({ hedge: "p95" }), { hedge: { after: "p95" } });
  deepEqual(deliveryOf({ hedge: "p95" }, before), { hedge: { after: "p95", budgetPercent: 2 } });
  deepEqual(deliveryOf({ hedge: "50ms", "hedge-most": "2" }, before), {
    hedge: { afterMs: 50, most: 2, budgetPercent: 2 },
  });
  deepEqual(deliveryOf({ "hedge-budget": "3%" }, before), { hedge: { afterMs: 20, budgetPercent: 3 } });
  deepEqual(deliveryOf({ hedge: "off" }, before), { hedge: null });
  for (const flags of [{ hedge: "x" }, { hedge: "95" }, { "hedge-most": "1" }, { hedge: "p95", "hedge-most": "-1" }]) {
    throws(() => deliveryOf(flags), isInvalid, JSON.stringify(flags));
  }
});
