/** The name in a ClientHello: the corpus whole and torn at each byte, changed at random, and real clients. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, test } from "node:test";
import { type ConnectionOptions, connect } from "node:tls";
import { LIMITS } from "../../domain/limits.ts";
import { helloCorpus, inRecords } from "../../testing/edge-corpora.ts";
import { changedBytes, embedded, FUZZ_SEED, fuzzCases } from "../../testing/fuzz.ts";
import { createSimRandom } from "../../testing/sim-random.ts";
import { detect } from "../l4/detect.ts";
import { type Hello, readClientHello } from "./client-hello.ts";

const CASES = fuzzCases(20_000);
/** Every byte of shorter ones is a place to tear. */
const MAX_TORN_BYTES = 1000;
const NAME = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;
const read = (bytes: Buffer): Hello => readClientHello(bytes, LIMITS.l4);

/** As the corpus has it. */
function answer(hello: Hello): unknown {
  return typeof hello === "string" ? hello : { serverName: hello.serverName ?? null };
}

describe("the corpus", () => {
  for (const { name, bytes, ownBytes, says } of helloCorpus) {
    test(`${name}: ${typeof says === "string" ? says : says.serverName}`, () => {
      assert.deepEqual(answer(read(bytes)), says);
      let before: unknown = "more";
      for (let to = 0; to <= bytes.length; to += ownBytes > MAX_TORN_BYTES ? 97 : 1) {
        const torn = answer(read(Buffer.from(bytes.subarray(0, to))));
        // Nothing is taken back, and nothing is taken before it is whole.
        if (before !== "more") assert.deepEqual(torn, before, `${to} bytes of it`);
        if (typeof torn === "object") assert.ok(to >= ownBytes, `${to} bytes of it`);
        before = torn;
      }
    });
  }

  test("has each answer, and no name twice", () => {
    const answers = Map.groupBy(helloCorpus, ({ says }) => (typeof says === "string" ? says : "taken"));
    for (const what of ["taken", "more", "none", "broken"] as const)
      assert.ok((answers.get(what)?.length ?? 0) > 4, what);
    assert.equal(new Set(helloCorpus.map(({ name }) => name)).size, helloCorpus.length);
  });
});

test(`${CASES} of them changed at random, seed ${FUZZ_SEED}: never thrown, never read past, the same in every cut`, (t) => {
  const random = createSimRandom(FUZZ_SEED);
  const corpus = helloCorpus.map(({ bytes }) => bytes).filter(({ length }) => length < MAX_TORN_BYTES);
  const counts = new Map<string, number>();
  for (let n = 0; n < CASES; n++) {
    const bytes = changedBytes(random.pick(corpus), corpus, random);
    const whole = answer(read(embedded(bytes, random)));
    const torn = answer(read(bytes.subarray(0, random.below(bytes.length + 1))));
    const what = bytes.toString("hex");
    assert.ok(torn === "more" || JSON.stringify(torn) === JSON.stringify(whole), what);
    const name = typeof whole === "object" ? (whole as { serverName: string | null }).serverName : null;
    if (name !== null) assert.ok(name.length <= 253 && NAME.test(name), what);
    const kind = typeof whole === "string" ? whole : "taken";
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  t.diagnostic(`fuzz ${CASES} cases: ${JSON.stringify([...counts])}`);
  for (const what of ["taken", "more", "none", "broken"]) assert.ok((counts.get(what) ?? 0) > CASES / 100, what);
});

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

test("the name is found in what real clients send, however it is cut", async () => {
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    const sent = await helloOf({ servername: "App.example.com", maxVersion, ALPNProtocols: ["h2", "http/1.1"] });
    const found = { serverName: "app.example.com" };
    assert.deepEqual(read(sent), found);
    assert.deepEqual(detect(sent, LIMITS.l4), found);
    assert.deepEqual(read(Buffer.concat([sent, Buffer.from("more")])), found);
    for (let to = 0; to < sent.length; to++) assert.equal(read(sent.subarray(0, to)), "more", `${to}`);
    for (const size of [60, 100, 700]) {
      const cut = inRecords(sent.subarray(5), size);
      assert.deepEqual(read(cut), found, `${size}`);
      assert.equal(read(cut.subarray(0, -1)), "more", `${size}`);
    }
  }
  assert.deepEqual(read(await helloOf({})), { serverName: undefined });
});
