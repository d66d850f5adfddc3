/** Ports of several protocols: who gets a connection, however its first bytes come, and who gets it when none do. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { eventually, L4World } from "../../testing/l4-world.ts";
import type { L4Entry } from "./entry.ts";
import type { L4Options } from "./path.ts";

const nameIn = (text: string) => Buffer.from(text, "latin1");
/** A ClientHello for a name, as short as one may be. */
function helloFor(name: string): Buffer {
  const text = nameIn(name);
  const u16 = (value: number) => Buffer.from([value >> 8, value & 255]);
  const list = Buffer.concat([u16(text.length + 3), Buffer.from([0]), u16(text.length), text]);
  const extensions = Buffer.concat([u16(0), u16(list.length), list]);
  const body = Buffer.concat([
    ...[Buffer.from([3, 3]), Buffer.alloc(32, 1), Buffer.from([0, 0, 2, 0x13, 1, 1, 0])],
    ...[u16(extensions.length), extensions],
  ]);
  const message = Buffer.concat([Buffer.from([1, 0]), u16(body.length), body]);
  return Buffer.concat([Buffer.from([22, 3, 1]), u16(message.length), message]);
}

const says = (who: string) => (socket: Socket) => {
  socket.write(`${who} `);
  socket.pipe(socket);
};

/** A port with the routes that are named, each to a backend that says who it is. */
async function portOf(
  names: readonly string[],
  limits: Partial<L4Options["limits"]> = {},
  options: Partial<L4Options> = {},
): Promise<L4World> {
  const world = await L4World.start({ silenceMs: 50, detectMs: 300, ...limits }, options);
  const entries: L4Entry[] = [];
  for (const name of names) {
    const [protocol = "", host = ""] = name.split(" ");
    const port = await world.listen(says(name));
    const backends = [{ host: "127.0.0.1", port }];
    entries.push({
      id: name,
      protocol: protocol as L4Entry["protocol"],
      host,
      port: world.port,
      backends,
      reach: "any",
    });
  }
  world.path.apply(entries, []);
  return world;
}

const latin1 = (bytes: Buffer) => bytes.toString("latin1");

test("the first bytes decide, whole or one at a time; not one of them is lost", async () => {
  // Bytes decide here, and no clock.
  const never = { silenceMs: 600_000, detectMs: 600_000 };
  await using world = await portOf(["tcp", "ssh", "tls db.example.com", "tls *.example.com"], never);
  const rows: [Buffer, string][] = [
    [nameIn("SSH-2.0-client\r\n"), "ssh "],
    [nameIn("GET /x HTTP/1.1\r\n"), "own http "],
    [nameIn("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "own http "],
    [helloFor("db.example.com"), "tls db.example.com "],
    [helloFor("x.y.example.com"), "tls *.example.com "],
    [helloFor("other.org"), "own tls "],
    [nameIn("\x16\x03\x01\0\0"), "own tls "],
    [nameIn("EHLO there\r\n"), "tcp "],
    [nameIn("\0\x01\x02"), "tcp "],
  ];
  for (const [bytes, who] of rows) {
    const whole = await world.client();
    whole.socket.write(bytes);
    await eventually(`${who} answers`, () => whole.text.length >= who.length + bytes.length);
    assert.equal(whole.text, `${who}${latin1(bytes)}`);
    const slow = await world.client();
    slow.socket.setNoDelay(true);
    for (const byte of bytes) {
      slow.socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(`${who} answers one who sends it in pieces`, () => {
      return slow.text.startsWith(who) && slow.text.replaceAll(who, "").length >= bytes.length;
    });
    assert.equal(slow.text.replaceAll(who, ""), latin1(bytes));
    for (const client of [whole, slow]) client.socket.destroy();
  }
});

test("who is silent is one who waits for the server: tcp, else ssh, else nobody's", async () => {
  for (const [names, who] of [
    [["tcp", "ssh", "tls a.example"], "tcp "],
    [["ssh", "tls a.example"], "ssh "],
    [["tls a.example"], ""],
  ] as const) {
    await using world = await portOf(names);
    const client = await world.client();
    await eventually("it is decided", () => client.text !== "" || client.closed);
    assert.equal(client.text, who);
    const ended = await world.client();
    ended.socket.end();
    await eventually("its end too", () => ended.closed);
    assert.equal(ended.text, who);
  }
});

test("what is begun and not gone on with is tcp's in the end, else it is reset", async () => {
  for (const [names, who] of [
    [["tcp", "ssh"], "tcp SS"],
    [["ssh"], ""],
  ] as const) {
    await using world = await portOf(names);
    const client = await world.client();
    client.socket.write("SS");
    await eventually("it is decided", () => client.text === "tcp SS" || client.closed);
    assert.equal(client.text, who);
    const endless = await world.client();
    endless.socket.end("GET");
    await eventually("its end", () => endless.closed);
  }
});

test("a port with a tcp route alone is not looked into", async () => {
  await using world = await portOf(["tcp"], { silenceMs: 60_000 });
  const silent = await world.client();
  await eventually("its backend speaks at once", () => silent.text === "tcp ");
  for (const bytes of [helloFor("a.example"), nameIn("GET / HTTP/1.1\r\n"), nameIn("SSH-2.0-x\r\n")]) {
    const client = await world.client();
    client.socket.write(bytes);
    await eventually("all of it", () => client.text === `tcp ${latin1(bytes)}`);
  }
});

test("the nearest name wins, also one of HTTP", async () => {
  const servedAs = (name: string) =>
    name === "web.example.com" ? name : name.endsWith(".deep.example.com") ? "*.deep.example.com" : undefined;
  await using world = await portOf(["tls *.example.com", "tls x.deep.example.com"], {}, { servedAs });
  const rows = [
    ["a.example.com", "tls *.example.com "],
    ["web.example.com", "own tls "],
    ["y.deep.example.com", "own tls "],
    ["x.deep.example.com", "tls x.deep.example.com "],
    ["example.com", "own tls "],
  ] as const;
  for (const [name, who] of rows) {
    const client = await world.client();
    client.socket.write(helloFor(name));
    await eventually(`an answer for ${name}`, () => client.text.length > who.length);
    assert.ok(client.text.startsWith(who), `${name}: ${client.text.slice(0, 30)}`);
  }
});

test("connections that say nothing are bounded as all others are, and a drain cuts them", async () => {
  await using world = await portOf(["ssh"], { silenceMs: 60_000, maxConnections: 2 });
  const clients = [await world.client(), await world.client(), await world.client()];
  await eventually("one is too many", () => clients.some(({ closed }) => closed));
  assert.equal(clients.filter(({ closed }) => closed).length, 1);
  await world.path.drain(AbortSignal.abort());
  await eventually("all are cut", () => clients.every(({ closed }) => closed));
});
