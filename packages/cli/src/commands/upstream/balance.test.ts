import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";
import { isError } from "@skerry/core/contract/errors.ts";
import { balanceOf } from "./balance.ts";

const NOTHING = {
  ...{ balance: undefined, "hash-on": undefined, "sticky-cookie": false },
  ...{ "sticky-name": undefined, "sticky-ttl": undefined, "sticky-header": undefined },
} as const;

test("flags say how requests are spread, and refuse what would say nothing", () => {
  deepEqual(balanceOf(NOTHING), {});
  deepEqual(balanceOf({ ...NOTHING, balance: "random" }), { balance: { method: "random" } });
  deepEqual(balanceOf({ ...NOTHING, balance: "hash" }), { balance: { method: "hash", on: "client" } });
  deepEqual(balanceOf({ ...NOTHING, balance: "hash", "hash-on": "header:X-A:b" }).balance, {
    ...{ method: "hash", on: "header", name: "X-A:b" },
  });
  deepEqual(balanceOf({ ...NOTHING, "sticky-cookie": true, "sticky-name": "s", "sticky-ttl": "60" }).sticky, {
    ...{ by: "cookie", name: "s", ttlSeconds: 60 },
  });
  deepEqual(balanceOf({ ...NOTHING, "sticky-header": "X-S" }).sticky, { by: "header", name: "X-S" });
  for (const wrong of [
    { "hash-on": "client" },
    { balance: "random", "hash-on": "path" },
    { balance: "hash", "hash-on": "body" },
    { "sticky-ttl": "60" },
    { "sticky-name": "s" },
    { "sticky-cookie": true, "sticky-ttl": "1h" },
    { "sticky-cookie": true, "sticky-header": "X-S" },
  ] as const) {
    throws(
      () => balanceOf({ ...NOTHING, ...wrong }),
      (error) => isError(error, "invalid"),
      JSON.stringify(wrong),
    );
  }
});
