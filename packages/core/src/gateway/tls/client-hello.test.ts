/** The name in a ClientHello: whole, in every cut, changed at random, and from real clients. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, test } from "node:test";
import { type ConnectionOptions, connect } from "node:tls";
import { createSimRandom } from "../../testing/sim-random.ts";
import { detect } from "../l4/detect.ts";
import { readClientHello } from "./client-hello.ts";

const LIMITS = { maxHelloBytes: 16 * 1024, maxHelloRecords: 32 };
const u8 = (value: number) => Buffer.from([value]);
const u16 = (value: number) => Buffer.from([value >> 8, value & 255]);
const v8 = (bytes: Buffer) => Buffer.concat([u8(bytes.length), bytes]);
const v16 = (bytes: Buffer) => Buffer.concat([u16(bytes.length), bytes]);
const extension = (type: number, content: Buffer) => Buffer.concat([u16(type), v16(content)]);
const nameList = (name: string, type = 0) => v16(Buffer.concat([u8(type), v16(Buffer.from(name, "latin1"))]));
const sni = (name: string) => extension(0, nameList(name));

interface Parts {
  session?: Buffer;
  ciphers?: Buffer;
  compressions?: Buffer;
  extensions?: Buffer;
  version?: number;
}
function hello({ session = Buffer.alloc(32), ciphers = u16(0x1301), compressions = u8(0), ...rest }: Parts): Buffer {
  const { extensions, version = 3 } = rest;
  const parts = [u8(version), u8(3), Buffer.alloc(32, 7), v8(session), v16(ciphers), v8(compressions)];
  const body = Buffer.concat([...parts, ...(extensions === undefined ? [] : [v16(extensions)])]);
  return Buffer.concat([u8(1), u8(0), u16(body.length), body]);
}
/** In records of at most so many bytes. */
function records(message: Buffer, most = 16_384): Buffer {
  const count = Math.ceil(message.length / most);
  const parts = Array.from({ length: count }, (_, n) => message.subarray(n * most, (n + 1) * most));
  return Buffer.concat(parts.flatMap((part) => [Buffer.from([22, 3, 1]), v16(part)]));
}
const read = (bytes: Buffer) => readClientHello(bytes, LIMITS);
const other = (bytes: number) => extension(0x1234, Buffer.alloc(bytes, 1));

/** What Node's TLS sends first. */
async function helloOf(options: ConnectionOptions): Promise<Buffer> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect({ host: "127.0.0.1", port: (server.address() as AddressInfo).port, ...options });
  client.on("error", () => undefined);
  const [socket] = await once(server, "connection");
  const [bytes] = await once(socket, "data");
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

describe("a ClientHello", () => {
  const good: [string, Buffer, string | undefined][] = [
    ["with a name", records(hello({ extensions: sni("db.example.com") })), "db.example.com"],
    ["in capitals, with a dot", records(hello({ extensions: sni("DB.Example.COM.") })), "db.example.com"],
    ["behind other extensions", records(hello({ extensions: Buffer.concat([other(9), sni("a.b")]) })), "a.b"],
    ["of 16 KiB", records(hello({ extensions: Buffer.concat([other(16_200), sni("pq.example")]) })), "pq.example"],
    ["without a name", records(hello({ extensions: other(1) })), undefined],
    ["without extensions", records(hello({})), undefined],
    ["in small records", records(hello({ extensions: sni("cut.example.com") }), 8), "cut.example.com"],
  ];
  for (const [what, bytes, serverName] of good) {
    test(`${what} gives it, however it comes`, () => {
      assert.deepEqual(read(bytes), { serverName });
      for (let at = 0; at < bytes.length; at += bytes.length > 1000 ? 97 : 1) {
        assert.equal(read(bytes.subarray(0, at)), "more", `${at} bytes of it`);
      }
    });
  }

  const name = hello({ extensions: sni("db.example.com") });
  const none: [string, Buffer][] = [
    ["another record", Buffer.from([23, 3, 1, 0, 5])],
    ["SSL 2", Buffer.from([22, 2, 0, 0, 5])],
    ["an empty record", Buffer.from([22, 3, 1, 0, 0])],
    ["a record that is too long", Buffer.from([22, 3, 1, 0x40, 1])],
    ["another message", records(Buffer.concat([u8(2), name.subarray(1)]))],
    ["the first byte of another message", Buffer.from([22, 3, 1, 1, 0, 2])],
    ["a message that is too long", records(Buffer.from([1, 0, 0x40, 1]))],
    ["too many records", records(name, 1)],
    ...["GET / HTTP/1.1\r\n", "SSH-2.0-x\r\n"].map((text): [string, Buffer] => [text, Buffer.from(text)]),
  ];
  for (const [what, bytes] of none) test(`is not ${JSON.stringify(what)}`, () => assert.equal(read(bytes), "none"));

  const bad: [string, Buffer][] = [
    ["bytes behind it", records(Buffer.concat([name, u8(0)]))],
    ["a version that is none", records(hello({ version: 2 }))],
    ["a session that is too long", records(hello({ session: Buffer.alloc(33) }))],
    ["half a cipher", records(hello({ ciphers: Buffer.alloc(3) }))],
    ["no cipher", records(hello({ ciphers: Buffer.alloc(0) }))],
    ["no compression", records(hello({ compressions: Buffer.alloc(0) }))],
    ["half an extension", records(hello({ extensions: Buffer.from([0, 0, 0, 9, 1]) }))],
    ["two names", records(hello({ extensions: Buffer.concat([sni("a.example"), sni("b.example")]) }))],
    ["two names in one", records(hello({ extensions: extension(0, Buffer.concat([nameList("a.b"), u8(0)])) }))],
    ["a name of another kind", records(hello({ extensions: extension(0, nameList("a.b", 1)) }))],
    ["an empty name", records(hello({ extensions: sni("") }))],
    ...["a\0b", "a b", "..", "a..b", ".a", "é.com", "a/b", "[::1]", "a:1", `${"a".repeat(254)}`].map(
      (text): [string, Buffer] => [`the name ${JSON.stringify(text)}`, records(hello({ extensions: sni(text) }))],
    ),
  ];
  for (const [what, bytes] of bad) test(`with ${what} is broken`, () => assert.equal(read(bytes), "broken"));

  test("changed at random never throws, never reads past its end, and never finds another's name", () => {
    const random = createSimRandom(4);
    for (let round = 0; round < 20_000; round++) {
      const bytes = Buffer.from(good[round % good.length]?.[1].subarray(0, 600) ?? []);
      for (let n = random.fraction() * 4; n > 0; n--) {
        bytes[Math.floor(random.fraction() * bytes.length)] = Math.floor(random.fraction() * 256);
      }
      const cut = bytes.subarray(0, Math.ceil(random.fraction() * bytes.length));
      const result = read(cut);
      if (typeof result === "string" || result.serverName === undefined) continue;
      assert.match(result.serverName, /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/);
      // What is said of a beginning is said of the whole.
      assert.deepEqual(read(bytes), result);
    }
  });
});

test("the name is found in what real clients send, however it is cut", async () => {
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    const sent = await helloOf({ servername: "App.example.com", maxVersion, ALPNProtocols: ["h2", "http/1.1"] });
    const found = { serverName: "app.example.com" };
    assert.deepEqual(read(sent), found);
    assert.deepEqual(detect(sent, LIMITS), found);
    assert.deepEqual(read(Buffer.concat([sent, Buffer.from("more")])), found);
    for (let to = 0; to < sent.length; to++) assert.equal(read(sent.subarray(0, to)), "more", `${to}`);
    for (const size of [60, 100, 700]) {
      const cut = records(sent.subarray(5), size);
      assert.deepEqual(read(cut), found, `${size}`);
      assert.equal(read(cut.subarray(0, -1)), "more", `${size}`);
    }
  }
  assert.deepEqual(read(await helloOf({})), { serverName: undefined });
});
