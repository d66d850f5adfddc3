/**
 * Frames of the corpus, changed at random with a seed, against the proxy on sockets, from clients and from upstreams: whatever
 * comes, every exchange comes to its end, nothing is thrown, and who keeps to the rules is served.
 */
import { equal, ok } from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { bytesOf, frame, frameCorpus, PREFACE } from "../../testing/frame-corpus.ts";
import { fuzzCases, FUZZ_SEED as SEED } from "../../testing/fuzz.ts";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";
import { RawHttp2 } from "../../testing/raw-http2.ts";
import { createSimRandom, type SimRandom } from "../../testing/sim-random.ts";
import { headersFrame } from "../http2/frames.ts";
import { encodeField, encodeStatus } from "../http2/hpack-encoder.ts";

const CASES = fuzzCases(200, 20_000);

const cases = frameCorpus.map(({ send, status }) => ({ text: send.map(bytesOf).join(""), isTaken: status === 200 }));
const taken = cases.filter(({ isTaken }) => isTaken);
/** Those that are taken come as often as all others: what is changed is refused mostly. */
const fromClients = [...cases, ...Array.from({ length: 8 }, () => taken).flat()]
  .map(({ text }) => text)
  .filter((text) => text.length < 2000);
const fromUpstreams = [
  headersFrame(1, encodeStatus(200) + encodeField("content-length", "5"), false) + frame(0, 1, 1, "hello"),
  headersFrame(1, encodeStatus(200), false) +
    frame(0, 0, 1, "hello") +
    headersFrame(1, encodeField("x-sum", "1"), true),
  headersFrame(1, encodeStatus(103), false) + headersFrame(1, encodeStatus(204), true),
  headersFrame(1, encodeStatus(404), true) + frame(6, 0, 0, "12345678"),
  headersFrame(1, encodeStatus(200), false) + frame(8, 0, 1, "\0\0\0\x01") + frame(3, 0, 1, "\0\0\0\x08"),
  headersFrame(1, encodeStatus(200), false) + frame(7, 0, 0, "\0\0\0\x01\0\0\0\0") + frame(0, 1, 1, "x".repeat(200)),
];

function changed(text: string, corpus: readonly string[], random: SimRandom): string {
  let out = text;
  for (let changes = random.chance(0.7) ? 1 : 3; changes > 0; changes--) {
    const at = random.below(out.length + 1);
    const other = random.pick(corpus);
    switch (random.below(8)) {
      case 0:
        out = out.slice(0, at) + String.fromCharCode(random.below(256)) + out.slice(at + 1);
        break;
      case 1:
        out = out.slice(0, at) + out.slice(at + 1 + random.below(9));
        break;
      case 2:
        out = out.slice(0, at) + String.fromCharCode(random.below(256)) + out.slice(at);
        break;
      case 3:
        out = out.slice(0, at) + other.slice(random.below(other.length));
        break;
      case 4:
        out += other;
        break;
      default: {
        // One bit of one frame's head.
        const place = Math.min(at - (at % 9) + 3 + random.below(6), out.length - 1);
        const byte = (out.charCodeAt(place) || 0) ^ (1 << random.below(8));
        out = out.slice(0, place) + String.fromCharCode(byte) + out.slice(place + 1);
      }
    }
  }
  return out;
}

const GET =
  encodeField(":method", "GET") +
  encodeField(":scheme", "http") +
  encodeField(":path", "/") +
  encodeField(":authority", "app.example");

test(`${CASES} connections of clients, seed ${SEED}`, async (t) => {
  await using world = await ProxyWorld.start({ clientBodyIdleMs: 50, clientHeadMs: 200 });
  await world.upstream(() => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  const random = createSimRandom(SEED);
  let answered = 0;
  let refused = 0;
  for (let n = 0; n < CASES; n++) {
    const client = new RawHttp2(await world.connect());
    const text =
      PREFACE + frame(4, 0, 0, "") + frame(4, 1, 0, "") + changed(random.pick(fromClients), fromClients, random);
    for (let from = 0; from < text.length && !client.hasEnded; ) {
      const count = random.chance(0.3) ? 1 + random.below(20) : text.length;
      client.write(text.slice(from, from + count));
      from += count;
    }
    const isOver = (): boolean => client.hasEnded || client.endedStreams.size + client.resets.size > 0;
    for (let turns = 0; turns < 30 && !isOver(); turns++) await new Promise(setImmediate);
    if (client.statuses.size > 0) answered++;
    if (client.goAways.length > 0 || client.resets.size > 0) refused++;
    client.close();
  }
  await until(() => world.proxy.stats().inFlight === 0 && world.proxy.stats().connections === 0, "the end of all");
  // A CONNECT for something unknown is one of the corpus.
  const failed = world.records.filter(({ status }) => status > 501);
  equal(failed.length, 0, JSON.stringify(failed.slice(0, 3)));
  const client = new RawHttp2(await world.connect());
  client.write(PREFACE + frame(4, 0, 0, "") + headersFrame(1, GET, true));
  await until(() => client.endedStreams.has(1), "an answer for one that keeps to the rules");
  equal(client.statuses.get(1), 200);
  client.close();
  t.diagnostic(`fuzz ${CASES} cases: ${answered} got an answer, ${refused} an error`);
  ok(answered > CASES / 20 && refused > CASES / 4, `${answered}, ${refused}`);
});

test(`${CASES} connections to upstreams, seed ${SEED}`, async (t) => {
  await using world = await ProxyWorld.start({ upstreamHeadMs: 30, upstreamBodyIdleMs: 30, connectMs: 300 });
  const random = createSimRandom(SEED);
  let text = "";
  const sockets = new Set<Socket>();
  const port = await world.listen((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.once("data", () => {
      socket.write(frame(4, 0, 0, "") + frame(4, 1, 0, ""), "latin1");
      socket.once("data", () => socket.write(text, "latin1"));
    });
  });
  world.routeTo([{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "", protocol: "h2" }]);
  const statuses = new Map<number, number>();
  for (let n = 0; n < CASES; n++) {
    text = changed(random.pick(fromUpstreams), fromUpstreams, random);
    const client = await world.connect();
    client.write("GET / HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n");
    await client.untilClosed();
    const status = Number(client.text.slice(9, 12));
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    // Each has a connection of its own.
    for (const socket of sockets) socket.destroy();
  }
  await until(
    () => world.proxy.stats().inFlight === 0 && world.proxy.stats().upstreamConnections === 0,
    "the end of all",
  );
  t.diagnostic(`fuzz ${CASES} cases: ${JSON.stringify([...statuses])}`);
  ok((statuses.get(502) ?? 0) > CASES / 10 && (statuses.get(200) ?? 0) > CASES / 20, JSON.stringify([...statuses]));
});
