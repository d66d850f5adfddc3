/** The PROXY protocol: what is said and understood, what is refused, and connections that begin with it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, L4World } from "../../testing/l4-world.ts";
import { createSimRandom } from "../../testing/sim-random.ts";
import { readProxyHeader, writeProxyHeader } from "./proxy-header.ts";

const MAX = 2048;
const read = (bytes: Buffer | string) =>
  readProxyHeader(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes, MAX);
const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";
const v2 = (command: number, family: number, content: Buffer, length = content.length) =>
  Buffer.concat([Buffer.from(SIGNATURE, "latin1"), Buffer.from([command, family, length >> 8, length & 255]), content]);
const ADDRESSES = Buffer.from([192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x67, 1, 0xbb]);

describe("what is written is read", () => {
  for (const version of ["v1", "v2"] as const) {
    for (const [address, here, expected] of [
      ["192.0.2.7", "10.0.0.1", "192.0.2.7"],
      ["2001:db8::7", "fd00::1", "2001:db8::7"],
      ["::1", "::", "::1"],
      ["fe80::1%eth0", "fe80::2%eth0", "fe80::1"],
      ["192.0.2.7", "fd00::1", version === "v1" ? "::ffff:192.0.2.7" : "::ffff:c000:207"],
    ] as const) {
      test(`${version} ${address}`, () => {
        const bytes = writeProxyHeader(version, { address, port: 4711 }, { address: here, port: 443 });
        const client = { address: expected, port: 4711 };
        assert.deepEqual(read(bytes), { bytes: bytes.length, client });
        assert.deepEqual(read(Buffer.concat([bytes, Buffer.from("GET /")])), { bytes: bytes.length, client });
        for (let at = 0; at < bytes.length; at++) assert.equal(read(bytes.subarray(0, at)), "more", `${at} bytes`);
      });
    }
  }

  test("as HAProxy writes it", () => {
    const told = writeProxyHeader("v1", { address: "192.0.2.7", port: 4711 }, { address: "10.0.0.1", port: 443 });
    assert.equal(told.toString(), "PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\r\n");
    const binary = writeProxyHeader("v2", { address: "192.0.2.7", port: 4711 }, { address: "10.0.0.1", port: 443 });
    assert.ok(binary.equals(v2(0x21, 0x11, ADDRESSES)));
  });
});

test("who says nothing of a client speaks for himself", () => {
  const noClient: (Buffer | string)[] = [
    "PROXY UNKNOWN\r\n",
    "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
    v2(0x20, 0, Buffer.alloc(0)),
    v2(0x20, 0x77, Buffer.alloc(9)),
    v2(0x21, 0, Buffer.alloc(0)),
    v2(0x21, 0x31, Buffer.alloc(216)),
  ];
  for (const bytes of noClient) assert.deepEqual(read(bytes), { bytes: bytes.length, client: undefined });
  const extras = v2(0x21, 0x11, Buffer.concat([ADDRESSES, Buffer.from([4, 0, 1, 9, 5, 0, 0])]));
  assert.deepEqual(read(extras), { bytes: extras.length, client: { address: "192.0.2.7", port: 4711 } });
});

describe("what is no head is refused", () => {
  const rows: (Buffer | string)[] = [
    "GET / HTTP/1.1\r\n",
    "\x16\x03\x01",
    "PROXY\r",
    "proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n",
    "PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n",
    "PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n",
    "PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n",
    "PROXY TCP4 ::1 ::2 1 2\r\n",
    "PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n",
    "PROXY TCP6 fe80::1%eth0 ::2 1 2\r\n",
    "PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\0\r\n",
    "PROXY TCP4 1.1.1.1\r2.2.2.2 1 2\r\n",
    "PROXY UNKNOWNX\r\n",
    `PROXY UNKNOWN ${"x".repeat(100)}\r\n`,
    `PROXY ${"x".repeat(120)}`,
    `${SIGNATURE.slice(0, 5)}x`,
    v2(0x11, 0x11, ADDRESSES),
    v2(0x22, 0x11, ADDRESSES),
    v2(0x21, 0x12, ADDRESSES),
    v2(0x21, 0x41, ADDRESSES),
    v2(0x21, 0x11, ADDRESSES.subarray(0, 11)),
    v2(0x21, 0x21, ADDRESSES),
    v2(0x21, 0x11, Buffer.alloc(0), 60_000),
    v2(0x21, 0x11, Buffer.concat([ADDRESSES, Buffer.from([4, 0, 9, 1])])),
    v2(0x21, 0x11, Buffer.concat([ADDRESSES, Buffer.from([4, 0])])),
  ];
  for (const bytes of rows) {
    test(JSON.stringify(bytes.toString("latin1").slice(0, 60)), () => assert.equal(read(bytes), "broken"));
  }
});

test("changed at random it is never read past its end, and a client is always an address", () => {
  const random = createSimRandom(6);
  const heads = [
    Buffer.from("PROXY TCP6 2001:db8::7 ::1 4711 443\r\nrest"),
    v2(0x21, 0x11, ADDRESSES),
    v2(0x21, 0x21, Buffer.alloc(36, 5)),
  ];
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(heads[round % heads.length] as Buffer);
    for (let n = random.fraction() * 3; n > 0; n--) {
      bytes[Math.floor(random.fraction() * bytes.length)] = Math.floor(random.fraction() * 256);
    }
    const result = read(bytes);
    if (typeof result === "string") continue;
    assert.ok(result.bytes <= bytes.length);
    if (result.client === undefined) continue;
    assert.match(result.client.address, /^[0-9a-f.:]+$/);
    assert.ok(result.client.port >= 0 && result.client.port <= 65_535);
  }
});

const echoed = async (world: L4World) => world.listen((socket) => socket.pipe(socket));

test("a backend is told who asks before anything else", async () => {
  await using world = await L4World.start();
  const backend = await echoed(world);
  for (const proxyProtocol of ["v1", "v2"] as const) {
    world.route(backend, { proxyProtocol });
    const client = await world.client();
    const { localPort = 0 } = client.socket;
    client.socket.end("hello");
    await eventually("the end", () => client.closed);
    const told = read(Buffer.concat(client.bytes));
    assert.ok(typeof told === "object");
    assert.deepEqual(told.client, { address: "127.0.0.1", port: localPort });
    assert.equal(client.text.slice(told.bytes), "hello");
  }
});

test("who is a proxy must say who asks, whole or in pieces; others are not looked at", async () => {
  let isAnnouncer = true;
  await using world = await L4World.start({ proxyHeaderMs: 200 }, { isAnnouncer: () => isAnnouncer });
  const backend = await echoed(world);
  world.route(backend, { proxyProtocol: "v1" });
  const head = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n";
  const told = `PROXY TCP4 192.0.2.7 127.0.0.1 4711 ${world.port}\r\n`;
  const whole = await world.client();
  whole.socket.end(`${head}hello`);
  await eventually("the end", () => whole.closed);
  assert.equal(whole.text, `${told}hello`);
  const pieces = await world.client();
  pieces.socket.setNoDelay(true);
  for (const letter of `${head}hi`) {
    pieces.socket.write(letter);
    await new Promise((resolve) => setImmediate(resolve));
  }
  pieces.socket.end();
  await eventually("the end", () => pieces.closed);
  assert.equal(pieces.text, `${told}hi`);
  for (const text of ["hello", "PROXY TCP4 x\r\n", ""]) {
    const silent = await world.client();
    silent.socket.write(text);
    await eventually(`a reset after ${JSON.stringify(text)}`, () => silent.closed);
    assert.equal(silent.text, "");
  }
  isAnnouncer = false;
  const plain = await world.client();
  const { localPort } = plain.socket;
  plain.socket.end(head);
  await eventually("the end", () => plain.closed);
  assert.equal(plain.text, `PROXY TCP4 127.0.0.1 127.0.0.1 ${localPort} ${world.port}\r\n${head}`);
});

test("behind a proxy, too, first bytes decide", async () => {
  await using world = await L4World.start({ silenceMs: 600_000 }, { isAnnouncer: () => true });
  const backend = await echoed(world);
  const shared = {
    host: "",
    port: world.port,
    backends: [{ host: "127.0.0.1", port: backend }],
    reach: "any",
  } as const;
  world.path.apply([{ ...shared, id: "s", protocol: "ssh", proxyProtocol: "v1" }], []);
  for (const split of [true, false]) {
    const client = await world.client();
    client.socket.write(
      split ? "PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n" : "PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\nSSH-",
    );
    if (split) await new Promise((resolve) => setTimeout(resolve, 20));
    client.socket.end(split ? "SSH-2.0-x" : "2.0-x");
    await eventually("the end", () => client.closed);
    assert.equal(client.text, `PROXY TCP4 192.0.2.7 127.0.0.1 1 ${world.port}\r\nSSH-2.0-x`);
  }
});
