/**
 * Requests that are changed at random, with a seed, against another parser: Node's (llhttp, strict). What we take it takes, and
 * reads the same; and what we send on it reads as one request, with nothing behind it.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, METHODS } from "node:http";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { LIMITS } from "../../domain/limits.ts";
import { fuzzCases, FUZZ_SEED as SEED } from "../../testing/fuzz.ts";
import { createSimRandom } from "../../testing/sim-random.ts";
import { BodyReader } from "../http1/body-reader.ts";
import { Refusal } from "../http1/grammar.ts";
import { HeadReader } from "../http1/head-reader.ts";
import { parseRequestHead, type RequestHead } from "../http1/request-head.ts";
import { forwardedLines, requestHead } from "./heads.ts";

const CASES = fuzzCases(20_000);

interface Case {
  readonly accept?: object;
  readonly bytes: readonly (string | { readonly repeat: string; readonly times: number })[];
}

const cases = JSON.parse(
  readFileSync(new URL("../../../../../fixtures/gateway/requests.json", import.meta.url), "utf8"),
) as Case[];
/** Those that are taken come as often as all others: what is changed is refused mostly. */
const corpus = [...cases, ...Array.from({ length: 4 }, () => cases.filter(({ accept }) => accept !== undefined)).flat()]
  .map(({ bytes }) => bytes.map((part) => (typeof part === "string" ? part : part.repeat.repeat(part.times))).join(""))
  .filter(({ length }) => length < 1000);

interface Read {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly body: string;
}

interface Taken extends Read {
  readonly head: RequestHead;
  /** What goes to the upstream. */
  readonly sent: string;
  /** Bytes of the request. */
  readonly length: number;
}

/** What we make of it; undefined when it is refused, or not whole. */
function take(bytes: Buffer): Taken | undefined {
  const reader = new HeadReader(LIMITS.proxy);
  const headEnd = reader.take(bytes, 0, bytes.length);
  if (headEnd < 0) return undefined;
  const head = parseRequestHead(reader, LIMITS.proxy);
  if (head instanceof Refusal) return undefined;
  const read = (keepsChunks: boolean): { text: string; end: number } | undefined => {
    const body = new BodyReader(LIMITS.proxy);
    body.begin(head.bodyBytes);
    body.keepsChunks = keepsChunks;
    let text = "";
    const end = body.take(bytes, headEnd, bytes.length, (buffer, from, to) => {
      text += buffer.toString("latin1", from, to);
    });
    return body.done && body.refusal === undefined ? { text, end } : undefined;
  };
  const data = read(false);
  const framed = read(true);
  if (data === undefined || framed === undefined) return undefined;
  const backend = { kind: "tcp", host: "u", port: 1, tls: false, basePath: "" } as const;
  const forwarded = forwardedLines("127.0.0.1", false, head.hostHeader);
  const target = bytes.toString("latin1", reader.from).split(" ", 2)[1] as string;
  return {
    ...{ head, method: head.method, target, host: head.hostHeader, body: data.text, length: data.end },
    sent: requestHead(head, { backend, forwarded, id: "id" }) + framed.text,
  };
}

/** Node's server over no socket: requests that it has read, and whether it refused. */
async function ask(bytes: Buffer): Promise<{ readonly requests: Read[]; readonly refused: string | undefined }> {
  const requests: Read[] = [];
  let refused: string | undefined;
  const { promise, resolve } = Promise.withResolvers<void>();
  const server = createServer({ insecureHTTPParser: false, requireHostHeader: true }, (request, response) => {
    let body = "";
    request.on("data", (part: Buffer) => {
      body += part.toString("latin1");
    });
    request.on("end", () => {
      requests.push({
        method: request.method ?? "",
        target: request.url ?? "",
        host: request.headers.host ?? "",
        body,
      });
      response.end();
    });
  });
  server.on("clientError", (error: Error & { code?: string }) => {
    refused ??= error.code ?? error.message;
    resolve();
  });
  const socket = new Duplex({
    read: () => undefined,
    write: (_chunk, _encoding, done) => done(),
    final: (done) => {
      done();
      resolve();
    },
  });
  socket.on("error", () => undefined);
  socket.once("close", resolve);
  server.emit("connection", socket);
  socket.push(bytes);
  socket.push(null);
  await promise;
  socket.destroy();
  return { requests, refused };
}

const BYTES = "\0\t\n\v\f\r !\"#%&'(),/:;<=>?@[\\]^{|}~-_.0159aAfFgzZ\x7f\x80\xa0\xff";
const LINES = [
  "Transfer-Encoding: chunked",
  "Transfer-Encoding:chunked ",
  "Transfer_Encoding: chunked",
  "Content-Length: 5",
  "Content-Length: 0",
  "Content-Length: 11",
  "Connection: close",
  "Connection: keep-alive, Content-Length",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Expect: 100-continue",
  "Host: other.example",
  "X: y",
  "TE: trailers",
  'X: "a\\"b"',
  "",
  "5",
  "hello",
  "0",
  '5;a="b"',
];

function change(text: string, pick: (below: number) => number): string {
  const at = pick(text.length + 1);
  const byte = BYTES[pick(BYTES.length)] as string;
  switch (pick(8)) {
    case 0:
      return text.slice(0, at) + byte + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + byte + text.slice(at);
    case 2:
      return text.slice(0, at) + text.slice(at + 1 + pick(3));
    case 3: {
      const other = corpus[pick(corpus.length)] as string;
      return text.slice(0, at) + other.slice(pick(other.length));
    }
    case 4: {
      const end = text[at]?.toUpperCase() === text[at] ? text[at]?.toLowerCase() : text[at]?.toUpperCase();
      return text.slice(0, at) + (end ?? "") + text.slice(at + 1);
    }
    default: {
      // A line more, one less, or two that change places.
      const lines = text.split("\r\n");
      const line = pick(lines.length);
      const kind = pick(3);
      if (kind === 0) lines.splice(line, 0, LINES[pick(LINES.length)] as string);
      else if (kind === 1) lines.splice(line, 1);
      else lines.splice(pick(lines.length), 0, ...lines.splice(line, 1));
      return lines.join("\r\n");
    }
  }
}

test(`${CASES} requests changed at random, seed ${SEED}`, async (t) => {
  const pick = createSimRandom(SEED).below;
  const known = new Set(METHODS);
  let taken = 0;
  let bodies = 0;
  for (let n = 0; n < CASES; n++) {
    let text = corpus[pick(corpus.length)] as string;
    for (let changes = 1 + pick(3); changes > 0; changes--) text = change(text, pick);
    const bytes = Buffer.from(text, "latin1");
    const ours = take(bytes);
    // It knows these methods only, and another meaning of some.
    if (ours === undefined || !known.has(ours.method)) continue;
    taken++;
    if (ours.body !== "") bodies++;
    const { method, target, host, body } = ours;
    const what = JSON.stringify(text);
    const theirs = await ask(bytes.subarray(0, ours.length));
    equal(theirs.refused, undefined, what);
    deepEqual(theirs.requests, [{ method, target, host, body }], what);
    const sent = await ask(Buffer.from(ours.sent, "latin1"));
    equal(sent.refused, undefined, JSON.stringify(ours.sent));
    deepEqual(sent.requests, [{ method, target: ours.head.target, host, body }], JSON.stringify(ours.sent));
  }
  t.diagnostic(`fuzz ${CASES} cases: ${taken} taken, ${bodies} with a body`);
  ok(taken > CASES / 10 && bodies > CASES / 60, `${taken} taken, ${bodies} with a body`);
});
