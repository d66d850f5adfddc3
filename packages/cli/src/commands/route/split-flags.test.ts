import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";
import { isError } from "@skerry/core/contract/errors.ts";
import { splitOf } from "./split-flags.ts";

const NOTHING = {
  ...{ split: [], "sticky-cookie": false, "sticky-name": undefined },
  ...{ "sticky-ttl": undefined, "sticky-header": undefined },
} as const;

test("flags say a split anew, or what changes of one; what would say nothing is refused", () => {
  deepEqual(splitOf(NOTHING), {});
  const made = splitOf({
    ...{ ...NOTHING, "sticky-cookie": true, "sticky-ttl": "60" },
    split: ["a=http://10.0.0.7:3000,weight=95", "b=upstream/web,tag=gpu,tag=eu"],
  });
  const a = { name: "a", to: "http://10.0.0.7:3000", weight: 95 };
  const b = { name: "b", to: "upstream/web", weight: 1, tags: ["gpu", "eu"] };
  deepEqual(made, { split: { variants: [a, b], sticky: { by: "cookie", ttlSeconds: 60 } } });
  const change = (...split: string[]) => splitOf({ ...NOTHING, split }, made.split).split?.variants;
  deepEqual(change("b,weight=5"), [a, { ...b, weight: 5 }]);
  deepEqual(change("a=http://10.0.0.8"), [{ ...a, to: "http://10.0.0.8" }, b]);
  deepEqual(change("b=none", "c=bucket/c"), [a, { name: "c", to: "bucket/c", weight: 1 }]);
  deepEqual(splitOf({ ...NOTHING, "sticky-header": "X-U" }, made.split).split, {
    variants: [a, b],
    sticky: { by: "header", name: "X-U" },
  });
  for (const wrong of ["c", "c=", "=x", "a,weight=", "a,weight=1,weight=2", "a,weight=x", "c=none"]) {
    throws(
      () => change(wrong),
      (error) => isError(error, "invalid"),
      wrong,
    );
  }
  for (const wrong of [{ "sticky-cookie": true }, { "sticky-ttl": "60" }, { split: ["a=x", "a=y"] }]) {
    throws(
      () => splitOf({ ...NOTHING, ...wrong }),
      (error) => isError(error, "invalid"),
      JSON.stringify(wrong),
    );
  }
});
