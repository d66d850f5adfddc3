/** UDP routes: whose datagrams are whose, what is dropped, and what goes when. */
import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { eventually, L4World } from "../../testing/l4-world.ts";
import type { L4Entry } from "./entry.ts";
import type { L4Options } from "./path.ts";

class UdpWorld implements AsyncDisposable {
  readonly world: L4World;
  readonly sockets: Socket[] = [];
  listenPort = 0;

  private constructor(world: L4World) {
    this.world = world;
  }

  static async start(limits: Partial<L4Options["limits"]> = {}, options: Partial<L4Options> = {}) {
    const all = new UdpWorld(await L4World.start(limits, options));
    const listener = await all.socket((bytes, from) =>
      all.world.path.takeDatagram(listener, all.listenPort, from, bytes),
    );
    all.listenPort = listener.address().port;
    return all;
  }

  async socket(onMessage: (bytes: Buffer, from: { address: string; port: number }) => void): Promise<Socket> {
    const socket = createSocket("udp4");
    socket.on("message", onMessage);
    socket.on("error", () => undefined);
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    this.sockets.push(socket);
    return socket;
  }

  /** Answers each datagram with who asked, and what. */
  async backend(): Promise<number> {
    const socket = await this.socket((bytes, from) => {
      if (bytes.toString() !== "silent") socket.send(`${from.port}:${bytes}`, from.port, from.address);
    });
    return socket.address().port;
  }

  route(port: number, more: Partial<L4Entry> = {}): void {
    const backends = [{ host: "127.0.0.1", port }];
    const entry = { id: "r", protocol: "udp", host: "", port: this.listenPort, backends, reach: "any" } as const;
    this.world.path.apply([{ ...entry, ...more }], []);
  }

  async client(): Promise<{ say: (text: string) => void; heard: string[]; from: Set<number> }> {
    const heard: string[] = [];
    const from = new Set<number>();
    const socket = await this.socket((bytes, peer) => {
      heard.push(bytes.toString());
      from.add(peer.port);
    });
    return { heard, from, say: (text) => socket.send(text, this.listenPort, "127.0.0.1") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.close();
    await this.world[Symbol.asyncDispose]();
  }
}

test("each client has a session: answers come back to it alone, from the port that it asked", async () => {
  await using all = await UdpWorld.start();
  all.route(await all.backend());
  const clients = await Promise.all([all.client(), all.client(), all.client()]);
  for (const [n, client] of clients.entries()) for (const round of [0, 1, 2]) client.say(`${n}${round}`);
  await eventually("all answers", () => clients.every(({ heard }) => heard.length === 3));
  const asked = clients.map(({ heard }) => new Set(heard.map((text) => text.split(":")[0])));
  assert.ok(
    asked.every(({ size }) => size === 1),
    "one client came to the backend from several sockets",
  );
  assert.equal(new Set(asked.flatMap((ports) => [...ports])).size, 3);
  for (const [n, { heard, from }] of clients.entries()) {
    assert.deepEqual([...from], [all.listenPort]);
    assert.deepEqual(heard.map((text) => text.split(":")[1]).sort(), [`${n}0`, `${n}1`, `${n}2`]);
  }
  const { connections, open, bytesIn, bytesOut } = all.world.counters();
  assert.deepEqual([connections, open, bytesIn], [3, 3, 18]);
  assert.ok(bytesOut > 18);
});

test("datagrams of any size go through, empty ones too", async () => {
  await using all = await UdpWorld.start();
  const sizes: number[] = [];
  const backend = await all.socket((bytes) => sizes.push(bytes.length));
  all.route(backend.address().port);
  const client = await all.client();
  for (const size of [0, 1, 1472, 9000, 60_000]) {
    client.say("x".repeat(size));
    await eventually(`${size} bytes`, () => sizes.includes(size));
  }
});

test("an idle session goes, one without an answer sooner; what comes later opens another", async () => {
  await using all = await UdpWorld.start({ sessionIdleMs: 300, unansweredMs: 100 });
  all.route(await all.backend());
  const [client, silent] = [await all.client(), await all.client()];
  client.say("a");
  for (let n = 0; n < 20; n++) {
    silent.say("silent");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await eventually("both go", () => all.world.counters().open === 0);
  assert.equal(client.heard.length, 1);
  const before = all.world.counters().connections;
  client.say("b");
  await eventually("an answer", () => client.heard.length === 2);
  assert.equal(all.world.counters().connections, before + 1);
});

test("when there is no room, who had no answer gives way, and who had one stays", async () => {
  await using all = await UdpWorld.start({ maxSessions: 3, maxRouteSessions: 3 });
  all.route(await all.backend());
  const known = await all.client();
  known.say("a");
  await eventually("an answer", () => known.heard.length === 1);
  for (let n = 0; n < 10; n++) (await all.client()).say("silent");
  await eventually("all came", () => all.world.counters().connections === 11);
  assert.equal(all.world.counters().open, 3);
  known.say("b");
  await eventually("its session is the same", () => known.heard.length === 2);
  assert.equal(new Set(known.heard.map((text) => text.split(":")[0])).size, 1);
  const others = [await all.client(), await all.client()];
  for (const other of others) other.say("c");
  await eventually("both have room", () => others.every(({ heard }) => heard.length === 1));
  (await all.client()).say("d");
  await eventually("one has none", () => all.world.counters().refused === 1);
});

test("every address is looked at; what waits for a name is bounded; a dead backend is counted", async () => {
  let answer = (_addresses: readonly string[]): void => undefined;
  const resolve = () =>
    new Promise<readonly string[]>((done) => {
      answer = done;
    });
  await using all = await UdpWorld.start({ maxEarlyDatagrams: 2 }, { resolve });
  const port = await all.backend();
  all.route(port, { backends: [{ host: "dns.example", port }], reach: "restricted" });
  const guarded = await all.client();
  guarded.say("x");
  await eventually("it waits", () => all.world.counters().open === 1);
  answer(["127.0.0.1"]);
  await eventually("it is refused", () => all.world.counters().failed === 1);
  all.route(port, { id: "s", backends: [{ host: "dns2.example", port }] });
  const client = await all.client();
  for (const text of ["1", "2", "3", "4"]) client.say(text);
  await eventually("they wait", () => all.world.counters("s").bytesIn === 4);
  answer(["127.0.0.1"]);
  await eventually("two answers", () => client.heard.length === 2);
  assert.deepEqual(guarded.heard, []);
  const closed = await all.socket(() => undefined);
  const dead = closed.address().port;
  closed.close();
  all.sockets.splice(all.sockets.indexOf(closed), 1);
  all.route(dead, { id: "t" });
  client.say("5");
  await eventually("the system says that nobody is there", () => all.world.counters("t").failed === 1);
});

test("a route that leads elsewhere now takes its clients along; one that is gone hears nobody", async () => {
  await using all = await UdpWorld.start({ drainMs: 50 });
  const [first, second] = [await all.backend(), await all.backend()];
  all.route(first);
  const client = await all.client();
  client.say("a");
  await eventually("an answer", () => client.heard.length === 1);
  all.route(second);
  client.say("b");
  await eventually("another", () => client.heard.length === 2);
  assert.notEqual(client.heard[0]?.split(":")[0], client.heard[1]?.split(":")[0]);
  all.world.path.apply([], ["r"]);
  client.say("c");
  await eventually("all is forgotten", () => all.world.counters().open === 0);
  assert.equal(client.heard.length, 2);
});
