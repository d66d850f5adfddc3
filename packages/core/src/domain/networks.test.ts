import { deepEqual, equal } from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { address, formatNetwork, parseNetwork, readAddress } from "./networks.ts";

const said = (text: string): string | undefined => {
  const network = parseNetwork(text);
  return network && formatNetwork(network);
};

test("networks have one spelling each", () => {
  for (const [text, canonical] of [
    ["10.1.2.3/8", "10.0.0.0/8"],
    ["192.0.2.7", "192.0.2.7"],
    ["192.0.2.7/32", "192.0.2.7"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["255.255.255.255/1", "128.0.0.0/1"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8::/32", "2001:db8::/32"],
    ["2001:db8:ffff:ffff:ffff::/33", "2001:db8:8000::/33"],
    ["::/0", "::/0"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["::ffff:c000:207/128", "192.0.2.7"],
    ["::ffff:10.9.9.9/104", "10.0.0.0/8"],
    ["::ffff:0:0/96", "0.0.0.0/0"],
    ["64:ff9b::10.0.0.1", "64:ff9b::a00:1"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ] as const) {
    equal(said(text), canonical, text);
  }
});

test("what is no network is none", () => {
  const none = [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.4/33",
    "1.2.3.4/",
    "1.2.3.4/08",
    "1.2.3.4/-1",
  ];
  const six = ["1:2", ":::", "1::2::3", ":1", "1:", "1:2:3:4:5:6:7:8:9", "12345::", "::1/129", "fe80::1%eth0", "g::"];
  for (const text of [...none, ...six, "::ffff:1.2.3.4/90", "a.example", "1.2.3.4 ", "1:2:3:4:5:6:7:1.2.3.4"]) {
    equal(said(text), undefined, text);
  }
});

test("addresses are read as the system reads them, and printed ones come back", () => {
  const part = fc.oneof(fc.stringMatching(/^[0-9a-fA-F]{0,5}$/), fc.constantFrom("", "0", "1.2.3.4", "ffff"));
  const text = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.array(part, { maxLength: 9 }).map((parts) => parts.join(":")),
    fc.array(fc.nat(300), { minLength: 3, maxLength: 5 }).map((parts) => parts.join(".")),
  );
  fc.assert(
    fc.property(text, (ip) => {
      equal(readAddress(ip), isIP(ip) !== 0, ip);
      if (isIP(ip) === 0) return;
      const network = parseNetwork(ip);
      deepEqual(network && parseNetwork(formatNetwork(network)), network);
    }),
    { numRuns: 2000 },
  );
});

test("IPv4 in IPv6 is the same address, and a zone is none of it", () => {
  for (const text of ["192.0.2.7", "::ffff:192.0.2.7", "::FFFF:c000:0207", "0:0:0:0:0:ffff:192.0.2.7"]) {
    equal(readAddress(text), true, text);
    deepEqual([address.isV4, address.words[0]], [true, 0xc000_0207], text);
  }
  equal(readAddress("fe80::1%eth0"), true);
  deepEqual([...address.words], [0xfe80_0000, 0, 0, 1]);
  equal(readAddress("unknown"), false);
});
