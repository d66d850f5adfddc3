import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../domain/limits.ts";
import { Refusal } from "./grammar.ts";
import { HeadReader } from "./head-reader.ts";
import { CHUNKED } from "./request-head.ts";
import { parseResponseHead, UNTIL_CLOSE } from "./response-head.ts";

function parse(text: string, isHead = false) {
  const reader = new HeadReader(LIMITS.proxy);
  const bytes = Buffer.from(text, "latin1");
  if (reader.take(bytes, 0, bytes.length) < 0) return reader.refusal;
  return parseResponseHead(reader, LIMITS.proxy, isHead);
}

function taken(text: string, isHead = false) {
  const head = parse(text, isHead);
  ok(head !== undefined && !(head instanceof Refusal), JSON.stringify(head));
  return head;
}

test("status, length and the lines that are passed on", () => {
  const head = taken("HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\nConnection: keep-alive\r\nETag: y\r\n\r\n");
  deepEqual(head, {
    status: 200,
    statusText: " 200 OK",
    bodyBytes: 5,
    contentLength: 5,
    keepAlive: true,
    isUpgrade: false,
    hasDate: false,
    lines: "Server: x\r\nETag: y\r\n",
  });
  const dated = taken("HTTP/1.1 200 OK\r\nDate: x\r\n\r\n");
  deepEqual([dated.hasDate, dated.lines], [true, "Date: x\r\n"]);
});

test("how long the body is", () => {
  const length = "Content-Length: 5\r\n";
  equal(taken(`HTTP/1.1 200 OK\r\n${length}\r\n`, true).bodyBytes, 0);
  equal(taken(`HTTP/1.1 304 Not Modified\r\n${length}\r\n`).bodyBytes, 0);
  equal(taken(`HTTP/1.1 204 No Content\r\n\r\n`).bodyBytes, 0);
  equal(taken(`HTTP/1.1 103 Early Hints\r\n\r\n`).bodyBytes, 0);
  equal(taken("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").bodyBytes, CHUNKED);
  equal(taken("HTTP/1.1 200 OK\r\n\r\n").bodyBytes, UNTIL_CLOSE);
  equal(taken("HTTP/1.1 200 OK\r\n\r\n").keepAlive, false);
  equal(taken(`HTTP/1.0 200 OK\r\n${length}\r\n`).keepAlive, false);
  equal(taken(`HTTP/1.1 200\r\n${length}Connection: close\r\n\r\n`).keepAlive, false);
});

test("headers named by Connection stay on their hop", () => {
  const head = taken(
    "HTTP/1.1 200 OK\r\nConnection: X-Hop, close\r\nX-Hop: 1\r\nX-Kept: 2\r\nContent-Length: 0\r\n\r\n",
  );
  equal(head.lines, "X-Kept: 2\r\n");
});

for (const [name, text] of [
  ["length and chunks", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["chunks of HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"],
  ["a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"],
  ["gzip, chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"],
  ["two Transfer-Encodings", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n"],
  ["status 99", "HTTP/1.1 099 OK\r\n\r\n"],
  ["status 600", "HTTP/1.1 600 OK\r\n\r\n"],
  ["status of four digits", "HTTP/1.1 2000 OK\r\n\r\n"],
  ["status of letters", "HTTP/1.1 2x0 OK\r\n\r\n"],
  ["a short line", "HTTP/1.1 2\r\n\r\n"],
  ["no HTTP", "ICY 200 OK\r\n\r\n"],
  ["a folded line", "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n"],
  ["bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"],
  ["a space before a colon", "HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\n"],
  ["NUL", "HTTP/1.1 200 OK\r\nX: \0\r\n\r\n"],
] as const) {
  test(`an answer with ${name} is refused`, () => ok(parse(text) instanceof Refusal));
}
