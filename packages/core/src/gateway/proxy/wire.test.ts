/** What is written to a wire, and when, between real sockets. */
import { deepEqual, equal } from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { untilStill } from "../../testing/proxy-world.ts";
import { Flusher } from "../http2/flusher.ts";
import { Wire, type WireOwner } from "./wire.ts";

/** More than the kernel takes at once. */
const LARGE_BYTES = 16 * 1024 * 1024;

let server: Server;
before(async () => {
  server = createServer({ noDelay: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
});
after(() => server.close());

/** A wire and its peer, who does not read yet. */
async function pair(): Promise<{ wire: Wire; peer: Socket }> {
  const peer = createConnection({ host: "127.0.0.1", port: (server.address() as AddressInfo).port }).pause();
  const [socket] = (await once(server, "connection")) as [Socket];
  const owner: WireOwner = {
    ...{ readsAfterFailedWrite: false, onBytes: (_buffer, _from, to) => to },
    ...{ onEnd: () => undefined, onDrain: () => undefined, onClose: () => undefined },
  };
  const buffer = Buffer.alloc(1024);
  const wire = new Wire(owner, () => buffer, socket, new Flusher());
  return { wire, peer };
}

/** What stands there, as runs of equal bytes: `a16777216`. */
function runs(bytes: Buffer): string[] {
  const found: string[] = [];
  for (let from = 0; from < bytes.length; ) {
    let to = from;
    while (to < bytes.length && bytes[to] === bytes[from]) to++;
    found.push(`${String.fromCharCode(bytes[from] as number)}${to - from}`);
    from = to;
  }
  return found;
}

async function allOf(peer: Socket): Promise<Buffer> {
  return Buffer.concat(await peer.toArray());
}

test("bytes that wait stay as they were", async () => {
  const { wire, peer } = await pair();
  const shared = Buffer.alloc(LARGE_BYTES, "a");
  wire.write(shared);
  equal(wire.isBlocked, true);
  wire.write(shared.fill("b").subarray(0, 100_000));
  wire.writeBoth("cc", shared.fill("d").subarray(0, 200_000));
  wire.cork();
  wire.write(shared.fill("e").subarray(0, 10));
  wire.uncork();
  shared.fill("x");
  await untilStill(() => wire.bytesOut);
  wire.end();
  deepEqual(runs(await allOf(peer)), [`a${LARGE_BYTES}`, "b100000", "c2", "d200000", "e10"]);
});

test("what is written soon keeps its place among other writes", async () => {
  const { wire, peer } = await pair();
  wire.writeSoon("1");
  wire.writeSoon("2");
  wire.write("3");
  wire.writeSoon("4");
  wire.write(Buffer.from("5"));
  wire.writeSoon("6");
  wire.writeBoth("7", Buffer.from("8"));
  wire.writeSoon("9");
  wire.cork();
  for (const part of "abcdefghij") wire.write(part);
  wire.uncork();
  wire.writeSoon("k");
  wire.end();
  equal((await allOf(peer)).toString(), "123456789abcdefghijk");
  equal(wire.bytesOut, 20);
});

test("what is written soon goes without anything behind it, and before the end of the connection", async () => {
  const { wire, peer } = await pair();
  wire.writeSoon("one");
  const [first] = (await once(peer.resume(), "data")) as [Buffer];
  equal(first.toString(), "one");
  wire.writeSoon("two");
  wire.destroy();
  equal((await allOf(peer)).toString(), "two");
});

for (const [what, data] of [
  ["text", "text"],
  ["bytes", Buffer.from("bytes")],
] as const) {
  test(`a write of ${what} that fails blocks a wire that is still read`, async () => {
    const { wire, peer } = await pair();
    wire.owner = { ...wire.owner, readsAfterFailedWrite: true };
    if (peer.connecting) await once(peer, "connect");
    peer.resetAndDestroy();
    wire.write(data);
    deepEqual([wire.isDestroyed, wire.isBlocked], [false, true]);
    wire.destroy();
  });
}
