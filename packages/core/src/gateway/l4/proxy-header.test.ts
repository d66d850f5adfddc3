/** The PROXY protocol: what is said and understood, what is refused, and connections that begin with it. */
import assert from "node:assert/strict";
import { isIP, SocketAddress } from "node:net";
import { describe, test } from "node:test";
import { LIMITS } from "../../domain/limits.ts";
import { proxyHeaderCorpus } from "../../testing/edge-corpora.ts";
import { changedBytes, embedded, FUZZ_SEED, fuzzCases } from "../../testing/fuzz.ts";
import { eventually, L4World } from "../../testing/l4-world.ts";
import { createSimRandom } from "../../testing/sim-random.ts";
import { type ProxyHeader, readProxyHeader, writeProxyHeader } from "./proxy-header.ts";

const CASES = fuzzCases(20_000);
const MAX = LIMITS.l4.maxProxyHeaderBytes;
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

/** As the corpus has it. */
function answer(header: ProxyHeader): unknown {
  if (typeof header === "string") return header;
  return header.client === undefined ? "nobody" : { client: header.client.address, port: header.client.port };
}

describe("the corpus", () => {
  for (const { name, bytes, ownBytes, says } of proxyHeaderCorpus) {
    test(`${name}: ${JSON.stringify(says)}`, () => {
      const whole = read(bytes);
      assert.deepEqual(answer(whole), says);
      if (typeof whole === "object") assert.equal(whole.bytes, ownBytes);
      let before: unknown = "more";
      for (let to = 0; to <= bytes.length; to++) {
        const torn = answer(read(Buffer.from(bytes.subarray(0, to))));
        if (before !== "more") assert.deepEqual(torn, before, `${to} bytes of it`);
        if (torn !== "more" && torn !== "broken") assert.ok(to >= ownBytes, `${to} bytes of it`);
        before = torn;
      }
    });
  }

  test("has each answer, and no name twice", () => {
    const answers = Map.groupBy(proxyHeaderCorpus, ({ says }) => (typeof says === "string" ? says : "client"));
    for (const what of ["client", "nobody", "more", "broken"] as const)
      assert.ok((answers.get(what)?.length ?? 0) > 4, what);
    assert.equal(new Set(proxyHeaderCorpus.map(({ name }) => name)).size, proxyHeaderCorpus.length);
  });
});

test(`${CASES} of them changed at random, seed ${FUZZ_SEED}: never thrown, never read past, a client is an address`, (t) => {
  const random = createSimRandom(FUZZ_SEED);
  const corpus = proxyHeaderCorpus.map(({ bytes }) => bytes);
  const counts = new Map<string, number>();
  for (let n = 0; n < CASES; n++) {
    const bytes = changedBytes(random.pick(corpus), corpus, random);
    const whole = read(embedded(bytes, random));
    const torn = read(bytes.subarray(0, random.below(bytes.length + 1)));
    const what = bytes.toString("hex");
    assert.ok(torn === "more" || JSON.stringify(torn) === JSON.stringify(whole), what);
    const said = answer(whole);
    const kind = typeof said === "string" ? said : "client";
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    if (whole === "more") assert.ok(bytes.length < MAX, what);
    if (typeof whole === "string") continue;
    assert.ok(whole.bytes > 0 && whole.bytes <= Math.min(bytes.length, MAX), what);
    if (whole.client === undefined) continue;
    const { address, port } = whole.client;
    assert.ok(isIP(address) !== 0 && !address.includes("%") && port >= 0 && port <= 65_535, what);
    // Told on, it is the same client.
    const version = random.pick(["v1", "v2"] as const);
    const told = read(writeProxyHeader(version, whole.client, { address: "10.0.0.1", port: 1 }));
    assert.ok(typeof told === "object" && told.client !== undefined, what);
    assert.deepEqual([plain(told.client.address), told.client.port], [plain(address), port], what);
  }
  t.diagnostic(`fuzz ${CASES} cases: ${JSON.stringify([...counts])}`);
  for (const what of ["client", "nobody", "more", "broken"]) assert.ok((counts.get(what) ?? 0) > CASES / 100, what);
});

/** One spelling of each address. */
function plain(address: string): string {
  return new SocketAddress({ address, family: isIP(address) === 4 ? "ipv4" : "ipv6" }).address;
}

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

test("an end that comes with the head, in one read or right behind it, is passed on behind what came before it", async () => {
  await using world = await L4World.start({ silenceMs: 200 }, { isAnnouncer: () => true });
  const backend = await world.listen((socket) => {
    let text = "";
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
    });
    socket.on("end", () => socket.end(`${text}.`));
  });
  const head = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n";
  // A loop that is busy finds both at its next look.
  const busy = (): void => {
    const endMs = performance.now() + 20;
    while (performance.now() < endMs);
  };
  const shared = {
    host: "",
    port: world.port,
    backends: [{ host: "127.0.0.1", port: backend }],
    reach: "any",
  } as const;
  for (const protocol of ["tcp", "ssh"] as const) {
    world.path.apply([{ ...shared, id: "r", protocol }], []);
    for (const text of ["", "SSH-2.0-x\r\n", "S", `SSH-2.0-${"x".repeat(65_536 - head.length - 8)}`]) {
      for (const isBusy of [true, false]) {
        const client = await world.client();
        client.socket.end(head + text);
        if (isBusy) busy();
        await eventually(`${protocol}: the end behind ${text.length} bytes`, () => client.closed);
        if (protocol === "tcp" || text !== "S")
          assert.equal(client.text.length, text.length + 1, `${protocol} ${text.length}`);
      }
    }
  }
});
