/** Answers that are compressed, and those that are not. */
import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:http2";
import { describe, test } from "node:test";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { canonicalCompress, ENCODINGS } from "../../domain/compress-rules.ts";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";
import { chooseEncoding } from "./accept-encoding.ts";

const LAST = "Host: app.example\r\nConnection: close\r\n\r\n";
const TEXT = "Skerry is a small rock that stays above water.\n".repeat(500);
const DECODERS = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync } as const;

function answerOf(body: string, head = "Content-Type: text/plain\r\n"): string {
  return `HTTP/1.1 200 OK\r\n${head}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** Head and body without chunks. */
function read(answer: string): { head: string; body: Buffer } {
  const end = answer.indexOf("\r\n\r\n") + 4;
  const head = answer.slice(0, end);
  let rest = answer.slice(end);
  if (!/transfer-encoding: chunked/i.test(head)) return { head, body: Buffer.from(rest, "latin1") };
  let body = "";
  for (;;) {
    const size = Number.parseInt(rest, 16);
    const from = rest.indexOf("\r\n") + 2;
    if (size === 0) return { head, body: Buffer.from(body, "latin1") };
    body += rest.slice(from, from + size);
    rest = rest.slice(from + size + 2);
  }
}

async function compressing(limits = {}): Promise<ProxyWorld> {
  const world = await ProxyWorld.start({}, { actionLimits: limits });
  world.actions = { compress: canonicalCompress({}) };
  return world;
}

const get = (accepted: string, more = "") => `GET / HTTP/1.1\r\nAccept-Encoding: ${accepted}\r\n${more}${LAST}`;

test("what is text is compressed as the client wants it, and comes out as it was", async () => {
  await using world = await compressing();
  await world.upstream(() =>
    answerOf(TEXT, 'Content-Type: text/html; charset=utf-8\r\nETag: "a"\r\nAccept-Ranges: bytes\r\n'),
  );
  for (const encoding of ENCODINGS) {
    const { head, body } = read(await world.exchange(get(encoding)));
    match(head, new RegExp(`\\r\\nContent-Encoding: ${encoding}\\r\\n`));
    match(head, /\r\nVary: Accept-Encoding\r\n/);
    match(head, /\r\nETag: W\/"a"\r\n/);
    doesNotMatch(head, /content-length|accept-ranges/i);
    ok(body.length < TEXT.length / 5);
    equal(DECODERS[encoding](body).toString(), TEXT);
  }
  const { head, body } = read(await world.exchange(get("identity")));
  match(
    head,
    /\r\nContent-Length: 23500\r\n[\s\S]*Vary: Accept-Encoding|Vary: Accept-Encoding[\s\S]*Content-Length: 23500/,
  );
  match(head, /\r\nETag: "a"\r\n/);
  equal(body.toString(), TEXT);
  ok(world.records.every(({ error, bytesOut, status }) => error === undefined && status === 200 && bytesOut > 0));
});

describe("what stays as it is", () => {
  const cases: readonly (readonly [what: string, head: string, request?: string | undefined, body?: string])[] = [
    ["a picture", "Content-Type: image/jpeg\r\n"],
    ["what has no type", ""],
    ["what is compressed already", "Content-Type: text/css\r\nContent-Encoding: gzip\r\n"],
    ["what must not be changed", "Content-Type: text/css\r\nCache-Control: public, no-transform\r\n"],
    ["what is short", "Content-Type: text/css\r\n", undefined, "x".repeat(1023)],
    ["a stream of events", "Content-Type: text/event-stream\r\n"],
    ["for HTTP/1.0", "Content-Type: text/css\r\n", `GET / HTTP/1.0\r\nAccept-Encoding: gzip\r\n${LAST}`],
  ];
  for (const [what, head, request = get("gzip"), body = TEXT] of cases) {
    test(what, async () => {
      await using world = await compressing();
      await world.upstream(() => answerOf(body, head));
      const answer = read(await world.exchange(request));
      equal(answer.body.toString(), body);
      doesNotMatch(answer.head, what === "what is compressed already" ? /gzip[\s\S]*gzip/ : /content-encoding/i);
      match(answer.head, new RegExp(`Content-Length: ${body.length}\r\n`));
    });
  }

  test("a part, and what has no body", async () => {
    await using world = await compressing();
    const type = "Content-Type: text/plain\r\n";
    await world.upstream(({ line }) => {
      if (line.includes("/part"))
        return `HTTP/1.1 206 Partial Content\r\n${type}Content-Range: bytes 0-9/99\r\nContent-Length: 10\r\n\r\n0123456789`;
      return `HTTP/1.1 ${line.includes("/304") ? "304 Not Modified" : "204 No Content"}\r\n${type}ETag: "a"\r\n\r\n`;
    });
    for (const path of ["/part", "/304", "/204"]) {
      const answer = await world.exchange(get("gzip").replace("/ ", `${path} `));
      doesNotMatch(answer, /content-encoding|transfer-encoding|W\//i, path);
    }
  });
});

test("HEAD says what GET would, and has no body", async () => {
  await using world = await compressing();
  await world.upstream(() => `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${TEXT.length}\r\n\r\n`);
  const answer = await world.exchange(get("br").replace("GET", "HEAD"));
  match(answer, /\r\nContent-Encoding: br\r\n/);
  doesNotMatch(answer, /content-length|transfer-encoding/i);
  ok(answer.endsWith("\r\n\r\n"));
});

test("a stream without a length comes as it goes on, and one connection carries several", async () => {
  await using world = await compressing();
  let more: ((text: string) => void) | undefined;
  await world.upstream((_, socket) => {
    more = (text) => void socket.write(text);
    return "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";
  });
  const client = await world.connect();
  client.write(get("gzip").replace("Connection: close\r\n", ""));
  // A part of what comes can be read before its end.
  await until(() => read(`${client.text}0\r\n\r\n`).body.length > 15, "the first part");
  more?.("6\r\nsecond\r\n0\r\n\r\n");
  await until(() => client.text.endsWith("0\r\n\r\n"), "the end");
  equal(gunzipSync(read(client.text).body).toString(), "firstsecond");
  client.text = "";
  client.write(get("zstd"));
  await until(() => read(`${client.text}0\r\n\r\n`).body.length > 4, "the second answer");
  more?.("0\r\n\r\n");
  equal(zstdDecompressSync(read(await client.untilClosed()).body).toString(), "first");
});

test("a large body keeps its hash through a slow reader, over HTTP/2 too", async () => {
  await using world = await compressing();
  const block = Buffer.concat([randomBytes(30_000), Buffer.alloc(35_000, "text")]).toString("latin1");
  const whole = block.repeat(64);
  await world.upstream(() => answerOf(whole));
  const expected = createHash("sha256").update(whole, "latin1").digest("hex");
  const session = connect(`http://127.0.0.1:${world.port}`);
  try {
    const stream = session.request({ ":authority": "app.example", "accept-encoding": "zstd, br;q=0.5" });
    const [head] = await once(stream, "response");
    deepEqual([head["content-encoding"], head["content-length"]], ["zstd", undefined]);
    const parts: Buffer[] = [];
    for await (const part of stream) {
      parts.push(part as Buffer);
      if (parts.length % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    equal(
      createHash("sha256")
        .update(zstdDecompressSync(Buffer.concat(parts)))
        .digest("hex"),
      expected,
    );
  } finally {
    session.destroy();
  }
  const { body } = read(await world.exchange(get("br")));
  equal(createHash("sha256").update(brotliDecompressSync(body)).digest("hex"), expected);
});

test("beyond the bound answers go as they are; who goes away, or breaks off, gives a place back", async () => {
  await using world = await compressing({ maxCompressing: 1 });
  let breakOff: (() => void) | undefined;
  await world.upstream(({ line }, socket) => {
    if (!line.includes("/slow")) return answerOf(TEXT);
    breakOff = () => socket.destroy();
    return "HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";
  });
  for (const end of [
    (client: { socket: { resetAndDestroy(): void } }) => void client.socket.resetAndDestroy(),
    () => breakOff?.(),
  ]) {
    const before = world.records.length;
    const client = await world.connect();
    client.write(get("gzip").replace("/ ", "/slow "));
    await until(() => client.text.includes("Content-Encoding"), "the first answer");
    const { head, body } = read(await world.exchange(get("gzip")));
    doesNotMatch(head, /Content-Encoding/);
    match(head, /Vary: Accept-Encoding/);
    equal(body.toString(), TEXT);
    end(client);
    await until(() => world.records.length === before + 2, "its end");
    ok(!client.text.endsWith("0\r\n\r\n"), "it does not look whole");
    match(read(await world.exchange(get("gzip"))).head, /Content-Encoding: gzip/);
  }
});

test("the encoding is the one that the client wants most", () => {
  for (const [header, expected] of [
    [undefined, undefined],
    ["", undefined],
    ["identity", undefined],
    ["gzip, deflate, br, zstd", "zstd"],
    ["gzip, br", "br"],
    ["gzip;q=1.0, br;q=0.9", "gzip"],
    ["GZIP ; Q=0.5", "gzip"],
    ["x-gzip", "gzip"],
    ["*", "zstd"],
    ["*;q=0.1, zstd;q=0", "br"],
    ["zstd;q=0, br;q=0, gzip;q=0", undefined],
    ["gzip;q=0.5, identity", undefined],
    ["gzip;q=0.5, identity;q=0.5", "gzip"],
    ["identity;q=0, gzip;q=0.001", "gzip"],
    ["gzip;q=2", undefined],
    ["gzip;q=", undefined],
    [",,;q=1,gzip", "gzip"],
  ] as const)
    equal(chooseEncoding(header, ENCODINGS), expected, String(header));
});
