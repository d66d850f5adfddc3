import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { isError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { canonicalBackends, canonicalBalance, canonicalSticky, canonicalTags, stickyNameOf } from "./upstreams.ts";

const isInvalid = (error: unknown) => isError(error, "invalid");

test("backends have one spelling, and what could not be one is refused", () => {
  deepEqual(canonicalBackends([{ name: "a", to: "HTTP://Example.com:80/", tags: ["b", "a", "b"] }]), [
    { name: "a", to: "http://example.com", weight: 1, tags: ["a", "b"], drain: false },
  ]);
  const { maxBackends, maxWeight, maxTags } = LIMITS.gateway;
  const many = (count: number) => Array.from({ length: count }, (_, n) => ({ name: `b${n}`, to: "http://h" }));
  equal(canonicalBackends(many(maxBackends)).length, maxBackends);
  const one = { name: "a", to: "http://h" };
  for (const wrong of [
    [],
    many(maxBackends + 1),
    [one, one],
    [{ ...one, name: "A" }],
    [{ ...one, to: "bucket/site" }],
    [{ ...one, to: "upstream/other" }],
    [{ ...one, to: "tcp://h:1" }],
    [{ ...one, weight: maxWeight + 1 }],
    [{ ...one, weight: -1 }],
    [{ ...one, weight: 0.5 }],
    [{ ...one, tags: ["a b"] }],
  ]) {
    throws(() => canonicalBackends(wrong), isInvalid, JSON.stringify(wrong).slice(0, 100));
  }
  throws(() => canonicalTags(Array.from({ length: maxTags + 1 }, (_, n) => `t${n}`)), isInvalid);
});

test("how requests are spread and clients stick has one spelling", () => {
  equal(canonicalBalance({ method: "round-robin" }), undefined);
  deepEqual(canonicalBalance({ method: "hash" }), { method: "hash", on: "client" });
  deepEqual(canonicalBalance({ method: "hash", on: "header", name: "X-User" }), {
    ...{ method: "hash", on: "header", name: "x-user" },
  });
  deepEqual(canonicalSticky({ by: "cookie" }), { by: "cookie" });
  equal(stickyNameOf({ by: "cookie" }, "web"), "skerry-web");
  equal(stickyNameOf({ by: "cookie", name: "s" }, "web"), "s");
  deepEqual(canonicalSticky({ by: "header", name: "X-S" }), { by: "header", name: "x-s" });
  for (const wrong of [
    { method: "random", on: "client" },
    { method: "hash", on: "header" },
    { method: "hash", on: "cookie", name: "a;b" },
    { method: "hash", on: "client", name: "x" },
  ] as const) {
    throws(() => canonicalBalance(wrong), isInvalid, JSON.stringify(wrong));
  }
  for (const wrong of [
    { by: "header" },
    { by: "header", name: "x", ttlSeconds: 1 },
    { by: "cookie", name: "a=b\r\nx" },
  ] as const) {
    throws(() => canonicalSticky(wrong), isInvalid, JSON.stringify(wrong));
  }
});
