import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { BlockList } from "node:net";
import { test } from "node:test";
import { addAssignedV6, addRoutedV4, createOwnAddresses } from "./own-addresses.ts";

const TRIE = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.0
           /8 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
     |-- 172.17.0.0
        /16 link UNICAST
     |-- 172.17.0.1
        /16 link UNICAST
        /32 host LOCAL
     |-- 10.9.0.0
        /16 link UNICAST
        /24 host LOCAL tos 0x10
`;

test("what the kernel delivers to itself is this machine's, and nothing beside it", () => {
  const list = new BlockList();
  addRoutedV4(list, TRIE);
  for (const own of ["127.0.0.1", "127.9.9.9", "172.17.0.1", "10.9.0.77"]) assert.ok(list.check(own), own);
  for (const other of ["172.17.0.2", "172.17.255.255", "10.9.1.0", "8.8.8.8", "0.0.0.0"]) {
    assert.ok(!list.check(other), other);
  }
  const six = new BlockList();
  addAssignedV6(
    six,
    "fe80000000000000005056fffe000001 02 40 20 80 eth0\n00000000000000000000000000000001 01 80 10 80 lo\n",
  );
  assert.ok(six.check("fe80::50:56ff:fe00:1", "ipv6") && six.check("::1", "ipv6") && !six.check("::2", "ipv6"));
});

test("an address whose interface is down is this machine's, and one that is taken away is not", () => {
  const source = `
    import { execFileSync } from "node:child_process";
    import { networkInterfaces } from "node:os";
    import { createOwnAddresses } from ${JSON.stringify(import.meta.resolve("./own-addresses.ts"))};
    const ip = (...words) => execFileSync("busybox", ["ip", ...words]);
    ip("link", "add", "rock", "type", "bridge");
    ip("address", "add", "172.31.7.1/24", "dev", "rock");
    ip("address", "add", "172.31.7.9/24", "dev", "rock");
    let nowMs = 0;
    const isOwn = createOwnAddresses(() => nowMs);
    const seen = [Object.keys(networkInterfaces()).includes("rock"), isOwn("172.31.7.1"), isOwn("172.31.7.9"), isOwn("172.31.7.2")];
    ip("address", "del", "172.31.7.9/24", "dev", "rock");
    nowMs = 2_000;
    console.log(JSON.stringify([...seen, isOwn("172.31.7.9")]));
  `;
  const node = ["--conditions=source", "--input-type=module", "--eval", source];
  const seen = execFileSync("unshare", ["--net", process.execPath, ...node], { encoding: "utf8" });
  assert.deepEqual(JSON.parse(seen), [false, true, true, false, false]);
});

test("the loopback address is this machine's here, too", () => {
  assert.ok(createOwnAddresses(() => performance.now())("127.0.0.1"));
});
