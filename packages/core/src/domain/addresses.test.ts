import assert from "node:assert/strict";
import { test } from "node:test";
import { addressKey, isGuardedAddress } from "./addresses.ts";

test("an IPv6 address counts as its /64", () => {
  const same = ["2001:db8:1:2::1", "2001:DB8:1:2:ffff::", "2001:0db8:0001:0002:0:0:0:9", "2001:db8:1:2::%eth0"];
  assert.equal(new Set(same.map(addressKey)).size, 1);
  assert.notEqual(addressKey("2001:db8:1:3::1"), addressKey("2001:db8:1:2::1"));
  assert.equal(addressKey("::1"), addressKey("0:0:0:0:0:0:0:1"));
  assert.equal(addressKey("::ffff:192.0.2.1"), "192.0.2.1");
});

test("addresses that routes of restricted reach never lead to", () => {
  const own = (ip: string): boolean => ip === "192.0.2.7" || ip === "2001:db8::7";
  for (const ip of [
    ...["127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.0.1", "255.255.255.255"],
    ...["::1", "::", "fe80::1", "fe80::1%lo", "febf::1", "ff02::1", "fec0::1"],
    ...[
      "::ffff:127.0.0.1",
      "::ffff:7f00:1",
      "::FFFF:169.254.169.254",
      "0:0:0:0:0:ffff:7f00:0001",
      "::127.0.0.1",
      "::7f00:1",
      "2002:7f00:1::",
    ],
    ...["64:ff9b::7f00:1", "64:ff9b::169.254.169.254", "192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"],
    ...["", "localhost", "127.1", "0x7f000001", "2130706433"],
  ]) {
    assert.equal(isGuardedAddress(ip, own), true, ip);
  }
  for (const ip of ["192.0.2.8", "10.0.0.1", "2001:db8::8", "::ffff:192.0.2.8", "126.255.255.255", "2000::1"]) {
    assert.equal(isGuardedAddress(ip, own), false, ip);
  }
});
