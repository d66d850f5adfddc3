import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { isError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { formatNetwork } from "./networks.ts";
import { canonicalAccess, listsIn, parseIpList } from "./route-access.ts";

test("rules have one spelling", () => {
  deepEqual(
    canonicalAccess({ allow: ["iplist/office", "10.1.2.3/8", "::ffff:10.0.0.0/104", "iplist/office"], block: [] }),
    { allow: ["10.0.0.0/8", "iplist/office"] },
  );
  equal(canonicalAccess({}), undefined);
  equal(canonicalAccess({ block: [] }), undefined);
  deepEqual(listsIn({ allow: ["iplist/a", "10.0.0.0/8"], block: ["iplist/b", "iplist/a"] }), ["a", "b"]);
});

test("what would let nobody in by mistake, or cannot be read, is refused", () => {
  const many = Array.from({ length: LIMITS.gateway.maxAccessEntries + 1 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
  const lists = Array.from({ length: LIMITS.gateway.maxAccessLists + 1 }, (_, i) => `iplist/l${i}`);
  for (const rules of [
    { allow: [] },
    { allow: ["office"] },
    { block: ["10.0.0.0/33"] },
    { block: ["iplist/"] },
    { block: ["iplist/No"] },
    { block: many },
    { allow: lists },
  ]) {
    throws(
      () => canonicalAccess(rules),
      (error) => isError(error, "invalid"),
      JSON.stringify(rules).slice(0, 60),
    );
  }
});

test("a list is read with its comments, and says which line is wrong", () => {
  const networks = parseIpList("# ours\n10.0.0.0/8, 192.0.2.7\t2001:db8::/32 ; more\r\n\n::1#x\n");
  deepEqual(networks.map(formatNetwork), ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1"]);
  throws(() => parseIpList("10.0.0.0/8\n\x1b[2J"), /Line 2: "\\u001b\[2J" is no network/);
  throws(
    () => parseIpList("1.1.1.1 ".repeat(LIMITS.gateway.maxIpListLength / 8 + 1)),
    (error) => isError(error, "invalid/too-large"),
  );
});
