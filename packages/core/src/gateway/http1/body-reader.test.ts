import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LIMITS } from "../../domain/limits.ts";
import { BodyReader } from "./body-reader.ts";
import { CHUNKED } from "./request-head.ts";
import { UNTIL_CLOSE } from "./response-head.ts";

/** What is passed on of `text`, read in pieces of `sizes` bytes, and where the body ended. */
function pass(bodyBytes: number, keepsChunks: boolean, text: string, sizes: readonly number[]) {
  const reader = new BodyReader(LIMITS.proxy);
  reader.begin(bodyBytes);
  reader.keepsChunks = keepsChunks;
  const bytes = Buffer.from(text, "latin1");
  let passed = "";
  let at = 0;
  for (let turn = 0; at < bytes.length && !reader.done; turn++) {
    const to = Math.min(bytes.length, at + (sizes[turn % sizes.length] as number));
    at = reader.take(bytes, at, to, (buffer, start, end) => {
      passed += buffer.toString("latin1", start, end);
    });
    if (reader.refusal !== undefined) return { refused: reader.refusal.id };
  }
  return { passed, done: reader.done, at, ...(reader.trailers === "" ? {} : { trailers: reader.trailers }) };
}

test("a length ends the body, and what comes behind is left", () => {
  deepEqual(pass(5, true, "helloGET /", [3]), { passed: "hello", done: true, at: 5 });
  deepEqual(pass(5, true, "hel", [3]), { passed: "hel", done: false, at: 3 });
});

test("a body until the end of the connection never says that it is done", () => {
  deepEqual(pass(UNTIL_CLOSE, true, "0\r\n\r\n", [2]), { passed: "0\r\n\r\n", done: false, at: 5 });
});

test("chunks go on as they came, without extensions and with the trailers that mean something behind a body", () => {
  const trailers = "X-Sum: 1\r\nY:\r\n";
  const dropped = "Set-Cookie: a=b\r\nX-Forwarded-For: 1\r\nX_Y: 1\r\ncontent-TYPE: x\r\n";
  const text = `5;a=b\r\nhello\r\n0;c\r\nX-Sum: 1\r\n${dropped}Y:\r\n\r\nnext`;
  for (const size of [1, 2, 3, 5, 100]) {
    deepEqual(pass(CHUNKED, true, text, [size]), {
      passed: `5\r\nhello\r\n0\r\n${trailers}\r\n`,
      done: true,
      at: text.length - 4,
    });
    deepEqual(pass(CHUNKED, false, text, [size]), { passed: "hello", done: true, at: text.length - 4, trailers });
  }
});

test("any chunks in any pieces give their data, with framing that says the same", () => {
  const chunk = fc.record({ data: fc.string({ minLength: 1, maxLength: 40 }), extension: fc.boolean() });
  const pieces = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 6 }), pieces, fc.boolean(), (chunks, sizes, trailer) => {
      const plain = chunks.map(({ data }) => `${data.length.toString(16)}\r\n${data}\r\n`).join("");
      const sent = chunks
        .map(({ data, extension }) => `${data.length.toString(16)}${extension ? ';x="y"' : ""}\r\n${data}\r\n`)
        .join("");
      const text = `${sent}0\r\n${trailer ? "A: b\r\n" : ""}\r\n`;
      const data = chunks.map((one) => one.data).join("");
      const trailers = trailer ? "A: b\r\n" : "";
      const whole = { done: true, at: text.length };
      deepEqual(pass(CHUNKED, false, text, sizes), { passed: data, ...whole, ...(trailer ? { trailers } : {}) });
      deepEqual(pass(CHUNKED, true, text, sizes), { passed: `${plain}0\r\n${trailers}\r\n`, ...whole });
    }),
  );
});

test("a chunk that says less than it holds is refused before its end is passed on", () => {
  deepEqual(pass(CHUNKED, true, "4\r\nhello\r\n0\r\n\r\n", [100]), { refused: "invalid" });
  equal(pass(CHUNKED, true, `${"1".repeat(13)}\r\n`, [100]).refused, "invalid");
});
