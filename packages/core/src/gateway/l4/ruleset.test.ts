import assert from "node:assert/strict";
import { test } from "node:test";
import type { L4Entry } from "./entry.ts";
import { type Forwarded, forwardedOf, rulesetOf } from "./ruleset.ts";

const entry = (more: Partial<L4Entry> = {}): L4Entry => {
  const backends = [{ host: "10.0.0.7", port: 5432 }];
  return { id: "r", protocol: "tcp", host: "", port: 20_000, backends, reach: "restricted", ...more };
};

test("the kernel gets what it can forward as it is; of the rest it is said why not", () => {
  const route = { id: "r", protocol: "tcp", port: 20_000, address: "10.0.0.7", toPort: 5432 };
  assert.deepEqual(forwardedOf(entry(), true), route);
  assert.deepEqual(forwardedOf(entry({ protocol: "udp" }), true), { ...route, protocol: "udp" });
  const rows: [Partial<L4Entry>, boolean, RegExp][] = [
    [{ protocol: "tls", host: "a.example" }, true, /first bytes/],
    [{ protocol: "ssh" }, true, /first bytes/],
    [{}, false, /several protocols/],
    [{ proxyProtocol: "v2" }, true, /told who asks/],
    [{ backends: [] }, true, /exactly one/],
    [
      {
        backends: [
          { host: "10.0.0.1", port: 1 },
          { host: "10.0.0.2", port: 1 },
        ],
      },
      true,
      /exactly one/,
    ],
    [{ backends: [{ host: "db.example.com", port: 1 }] }, true, /IPv4/],
    [{ backends: [{ host: "fd00::1", port: 1 }] }, true, /IPv4/],
  ];
  for (const [more, isAlone, why] of rows) assert.match(forwardedOf(entry(more), isAlone) as string, why);
});

test("a packet passes as many rules when there are many routes", () => {
  const options = { table: "skerry_x", listen: "0.0.0.0", guarded: "sk-" };
  const rulesFor = (count: number): number => {
    const routes = Array.from({ length: count }, (_, n): Forwarded => {
      return { id: `r${n}`, protocol: "tcp", port: 20_000 + n, address: "10.0.0.7", toPort: 5432 };
    });
    const lines = rulesetOf(options, routes, [], []).split("\n");
    return lines.filter((line) => line.startsWith("add rule ip skerry_x forward")).length;
  };
  assert.equal(rulesFor(500), rulesFor(1));
});

test("containers' traffic is not forwarded; the counters of what stays go on; what is gone is ended", () => {
  const route: Forwarded = { id: "a", protocol: "tcp", port: 20_000, address: "10.0.0.7", toPort: 5432 };
  const gone = { protocol: "udp", port: 20_001, address: "10.0.0.8", toPort: 53 } as const;
  const options = { table: "skerry_x", listen: "192.0.2.1", guarded: "sk-" };
  const lines = rulesetOf(options, [route], ["b"], [gone]).split("\n");
  const nat = lines.filter((line) => line.startsWith("add rule ip skerry_x prerouting"));
  assert.deepEqual(nat, [
    'add rule ip skerry_x prerouting iifname "sk-*" return',
    "add rule ip skerry_x prerouting ip daddr 192.0.2.1 tcp dport 20000 counter name new_a dnat to 10.0.0.7:5432",
  ]);
  assert.ok(lines.includes("delete counter ip skerry_x new_b") && lines.includes("add counter ip skerry_x in_a"));
  assert.ok(lines.includes("add element ip skerry_x to_tcp { 10.0.0.7 . 5432 }"));
  assert.ok(lines.includes('add element ip skerry_x in_tcp { 20000 : "in_a" }'));
  assert.equal(lines.filter((line) => /20001.* drop$/.test(line)).length, 2);
  assert.match(rulesetOf({ ...options, listen: "::" }, [route], [], []), /fib daddr type local tcp dport 20000/);
});
