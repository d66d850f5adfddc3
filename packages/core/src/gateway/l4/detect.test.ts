/** What first bytes are taken for. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createSimRandom } from "../../testing/sim-random.ts";
import { detect } from "./detect.ts";

const LIMITS = { maxHelloBytes: 16 * 1024, maxHelloRecords: 32 };

describe("first bytes", () => {
  const rows: [string, ReturnType<typeof detect>][] = [
    ["", "undecided"],
    ["S", "undecided"],
    ["SSH", "undecided"],
    ["SSH-", "ssh"],
    ["SSH-2.0-OpenSSH_9.2\r\n", "ssh"],
    ["SSL", "undecided"],
    ["GE", "undecided"],
    ["GET ", "undecided"],
    ["GET /", "http"],
    ["GET /x HTTP/1.1\r\n", "http"],
    ["OPTIONS * HTTP/1.1\r\n", "http"],
    ["GET http://a.example/", "http"],
    ["CONNECT a.example:443", "http"],
    ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http"],
    ["M-SEARCH * HTTP/1.1", "http"],
    ["EHLO mail.example", "other"],
    ["get /", "other"],
    ["G /", "other"],
    ["PING\r\n", "other"],
    ["*1\r\n$4\r\nPING\r\n", "other"],
    ["GET *x", "other"],
    [`${"A".repeat(21)}`, "other"],
    ["\0\0\0\x08\x04\xd2\x16\x2f", "other"],
    ["\x16\x02", "other"],
    ["\x16", "undecided"],
    ["\x16\x03\x01\0\0", { serverName: undefined }],
  ];
  for (const [text, expected] of rows) {
    test(`${JSON.stringify(text)} are ${JSON.stringify(expected)}`, () => {
      assert.deepEqual(detect(Buffer.from(text, "latin1"), LIMITS), expected);
    });
  }

  test("once it is decided, more of it changes nothing", () => {
    const random = createSimRandom(5);
    const starts = rows.map(([text]) => Buffer.from(text, "latin1"));
    for (let round = 0; round < 5000; round++) {
      const start = starts[round % starts.length] as Buffer;
      const more = Buffer.from(Array.from({ length: 8 }, () => Math.floor(random.fraction() * 256)));
      const before = detect(start, LIMITS);
      if (before === "undecided") continue;
      assert.deepEqual(detect(Buffer.concat([start, more]), LIMITS), before);
    }
  });
});
