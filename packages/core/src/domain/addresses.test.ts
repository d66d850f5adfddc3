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

test("addresses that lead to the machine itself, its link, or to nobody in particular are guarded", () => {
  const guarded = ["127.0.0.1", "127.9.9.9", "0.0.0.0", "169.254.169.254", "224.0.0.1", "255.255.255.255", "240.0.0.1"];
  const guarded6 = [
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "64:ff9b::7f00:1",
  ];
  for (const ip of [...guarded, ...guarded6, "2002:7f00:1::", "localhost", "", "1.2.3"]) {
    assert.equal(isGuardedAddress(ip), true, ip);
  }
  for (const ip of ["10.0.0.1", "192.168.1.1", "8.8.8.8", "2001:db8::1", "fd00::1", "::ffff:10.0.0.1"]) {
    assert.equal(isGuardedAddress(ip), false, ip);
  }
});
