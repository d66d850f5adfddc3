import assert from "node:assert/strict";
import { test } from "node:test";
import { addressKey } from "./addresses.ts";

test("an IPv6 address counts as its /64", () => {
  const same = ["2001:db8:1:2::1", "2001:DB8:1:2:ffff::", "2001:0db8:0001:0002:0:0:0:9", "2001:db8:1:2::%eth0"];
  assert.equal(new Set(same.map(addressKey)).size, 1);
  assert.notEqual(addressKey("2001:db8:1:3::1"), addressKey("2001:db8:1:2::1"));
  assert.equal(addressKey("::1"), addressKey("0:0:0:0:0:0:0:1"));
  assert.equal(addressKey("::ffff:192.0.2.1"), "192.0.2.1");
});
