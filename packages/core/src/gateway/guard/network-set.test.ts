import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { address, formatNetwork, masked, type Network, parseNetwork, readAddress } from "../../domain/networks.ts";
import { NetworkSet } from "./network-set.ts";

const RUNS = process.env["SKERRY_TEST_TIER"] === "full" ? 20_000 : 500;

function networks(...texts: readonly string[]): Network[] {
  return texts.map((text) => parseNetwork(text) as Network);
}

function holds(set: NetworkSet, ip: string): boolean {
  ok(readAddress(ip), ip);
  return set.hasAddress();
}

/** A look at each of them. */
function oracle(all: readonly Network[], ip: string): boolean {
  ok(readAddress(ip), ip);
  const { isV4 } = address;
  const words = [...address.words];
  return all.some((one) => {
    const isSame = (word: number): boolean => masked(words[word] as number, one.bits - 32 * word) === one.words[word];
    return one.isV4 === isV4 && (isV4 ? isSame(0) : [0, 1, 2, 3].every(isSame));
  });
}

test("an address lies in a network of its own family alone, also written as the other", () => {
  const set = NetworkSet.of(networks("10.0.0.0/8", "2001:db8::/32", "192.0.2.7"));
  for (const [ip, has] of [
    ["10.1.2.3", true],
    ["::ffff:10.1.2.3", true],
    ["11.0.0.0", false],
    ["9.255.255.255", false],
    ["192.0.2.7", true],
    ["192.0.2.8", false],
    ["2001:db8::1", true],
    ["2001:db9::1", false],
    ["::1", false],
  ] as const) {
    equal(holds(set, ip), has, ip);
  }
  equal(holds(NetworkSet.of(networks("0.0.0.0/0")), "::1"), false);
  equal(holds(NetworkSet.of(networks("::/0")), "1.2.3.4"), false);
  equal(holds(NetworkSet.of(networks("::/0")), "1::"), true);
  equal(holds(NetworkSet.of([]), "1.2.3.4"), false);
});

test("what lies within another is left out, and the one that holds an address is told", () => {
  const set = NetworkSet.of(networks("10.1.0.0/16", "10.0.0.0/8", "10.0.0.0/8", "2001:db8:1::/48", "2001:db8::/32"));
  equal(set.size, 2);
  readAddress("10.1.2.3");
  equal(set.networkOfAddress(), "10.0.0.0/8");
  readAddress("2001:db8:1::9");
  equal(set.networkOfAddress(), "2001:db8::/32");
  readAddress("11.0.0.1");
  equal(set.networkOfAddress(), undefined);
});

test("random networks and addresses: the same as a look at each, also after the way through the pipe", () => {
  // Few bits differ, so that networks lie within each other and beside each other.
  const v4 = fc
    .tuple(fc.constantFrom(0, 10, 127, 255), fc.nat(3), fc.nat(3), fc.nat(255))
    .map((parts) => parts.join("."));
  const v6 = fc
    .tuple(fc.constantFrom("2001:db8", "fe80:0", "0:0"), fc.nat(3), fc.nat(3), fc.nat(65_535))
    .map(([front, a, b, c]) => `${front}:${a}::${b}:${c.toString(16)}`);
  const network = fc.oneof(
    fc.tuple(v4, fc.nat(32)).map(([ip, bits]) => `${ip}/${bits}`),
    fc.tuple(v6, fc.nat(128)).map(([ip, bits]) => `${ip}/${bits}`),
    fc.tuple(v4, fc.integer({ min: 96, max: 128 })).map(([ip, bits]) => `::ffff:${ip}/${bits}`),
  );
  const ip = fc.oneof(
    v4,
    v6,
    v4.map((text) => `::ffff:${text}`),
    fc.ipV4(),
    fc.ipV6(),
  );
  fc.assert(
    fc.property(fc.array(network, { maxLength: 40 }), fc.array(ip, { minLength: 1, maxLength: 20 }), (texts, ips) => {
      const all = networks(...texts);
      const set = NetworkSet.of(all);
      const again = NetworkSet.decode(JSON.parse(JSON.stringify(set.encode())));
      for (const one of ips) {
        const wanted = oracle(all, one);
        equal(holds(set, one), wanted, `${one} in ${texts.join()}`);
        equal(holds(again, one), wanted);
        const named = set.networkOfAddress();
        if (wanted) ok(oracle(networks(named as string), one));
      }
    }),
    { numRuns: RUNS },
  );
});

test("a hundred thousand networks of both families", () => {
  const texts = Array.from({ length: 50_000 }, (_, i) => [
    `${1 + (i >> 12)}.${(i >> 4) & 255}.${(i & 15) << 4}.0/24`,
    `2001:${(i >> 8).toString(16)}:${(i & 255).toString(16)}::/48`,
  ]).flat();
  const set = NetworkSet.of(networks(...texts));
  equal(set.size, 100_000);
  const misses = texts.filter((text) => !holds(set, text.split("/", 1)[0] as string));
  deepEqual(misses, []);
  equal(holds(set, "1.0.1.1"), false);
  equal(formatNetwork(parseNetwork(texts[0] as string) as Network), "1.0.0.0/24");
});
