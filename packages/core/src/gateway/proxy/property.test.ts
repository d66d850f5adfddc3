/** Any requests in any pieces: each gets its own answer, and the upstream sees what was sent, no more and no less. */
import { deepEqual } from "node:assert/strict";
import { after, before, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { ProxyWorld, type SeenRequest, until } from "../../testing/proxy-world.ts";

let world: ProxyWorld;
let seen: SeenRequest[];
before(async () => {
  world = await ProxyWorld.start();
  seen = await world.upstream(({ headers, body, line }) => answerTo(headers.get("x-answer") ?? "", `${line} ${body}`));
});
after(() => world[Symbol.asyncDispose]());

/** Framing of the answer as the request asks for it. */
function answerTo(kind: string, text: string): string {
  const interim = kind === "interim" ? "HTTP/1.1 100 Continue\r\n\r\n" : "";
  if (kind === "empty") return "HTTP/1.1 204 No Content\r\n\r\n";
  if (kind !== "chunks") return `${interim}HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
  const chunks = text.match(/[\s\S]{1,7}/g) ?? [];
  const framed = chunks.map((chunk) => `${chunk.length.toString(16)};x\r\n${chunk}\r\n`).join("");
  return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${framed}0\r\nX-T: 1\r\n\r\n`;
}

const body = fc.string({
  unit: fc.constantFrom("a", "\r", "\n", "0", "GET / HTTP/1.1\r\n\r\n", "\u00ff", ":"),
  maxLength: 30,
});
const request = fc.record({
  id: fc.nat(9),
  body: fc.option(body, { nil: undefined }),
  chunks: fc.boolean(),
  answer: fc.constantFrom("length", "chunks", "empty", "interim"),
});

interface Request {
  readonly id: number;
  readonly body: string | undefined;
  readonly chunks: boolean;
  readonly answer: string;
}

function bytesOf({ id, body, chunks, answer }: Request, isLast: boolean): string {
  const head = `${body === undefined ? "GET" : "POST"} /${id} HTTP/1.1\r\nHost: app.example\r\nX-Answer: ${answer}\r\n${isLast ? "Connection: close\r\n" : ""}`;
  if (body === undefined) return `${head}\r\n`;
  if (!chunks) return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  const framed = (body.match(/[\s\S]{1,5}/g) ?? [])
    .map((part) => `${part.length.toString(16)}\r\n${part}\r\n`)
    .join("");
  return `${head}Transfer-Encoding: chunked\r\n\r\n${framed}0\r\n\r\n`;
}

/** Bodies of the final answers in `text`, read by a reader of its own. */
function answersOf(text: string): string[] {
  const answers: string[] = [];
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf("\r\n\r\n", at) + 4;
    const head = text.slice(at, end);
    at = end;
    if (/^HTTP\/1\.1 100/.test(head)) continue;
    let answer = "";
    const length = /\r\nContent-Length: (\d+)/.exec(head)?.[1];
    if (length !== undefined) {
      answer = text.slice(at, at + Number(length));
      at += Number(length);
    } else if (/Transfer-Encoding: chunked/.test(head)) {
      for (let size = -1; size !== 0; ) {
        const from = text.indexOf("\r\n", at) + 2;
        size = Number.parseInt(text.slice(at, from), 16);
        answer += text.slice(from, from + size);
        at = from + size + 2;
        // The last chunk: behind the trailers.
        if (size === 0) at = text.indexOf("\r\n\r\n", from - 2) + 4;
      }
    }
    answers.push(answer);
  }
  return answers;
}

test("any requests in any pieces", async () => {
  const pieces = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 8 }), pieces, async (requests, sizes) => {
      const text = requests.map((one, i) => bytesOf(one, i === requests.length - 1)).join("");
      const seenBefore = seen.length;
      const client = await world.connect();
      for (let at = 0, i = 0; at < text.length; i++) {
        const size = sizes[i % sizes.length] as number;
        client.write(text.slice(at, at + size));
        at += size;
        if (i % 3 === 0) await turn();
      }
      await until(() => client.hasEnded || client.isClosed, "the last answer");
      const expected = requests.map(({ id, body, answer }) =>
        answer === "empty" ? "" : `${body === undefined ? "GET" : "POST"} /${id} HTTP/1.1 ${body ?? ""}`,
      );
      deepEqual(answersOf(await client.untilClosed()), expected);
      deepEqual(
        seen.slice(seenBefore).map((one) => one.body),
        requests.map((one) => one.body ?? ""),
      );
    }),
    { numRuns: 150 },
  );
});
