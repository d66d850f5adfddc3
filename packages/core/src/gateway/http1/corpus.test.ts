/** The corpus of fixtures/gateway against the parser, in pieces of several sizes. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { SkerryError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import { FUZZ_SEED, fuzzCases } from "../../testing/fuzz.ts";
import { BodyReader } from "./body-reader.ts";
import { Refusal } from "./grammar.ts";
import { HeadReader } from "./head-reader.ts";
import { parseRequestHead } from "./request-head.ts";

const CASES = fuzzCases(10_000);

interface Case {
  readonly name: string;
  readonly bytes: readonly (string | { readonly repeat: string; readonly times: number })[];
  readonly accept?: object;
  readonly refuse?: number;
}

const corpus = JSON.parse(
  readFileSync(new URL("../../../../../fixtures/gateway/requests.json", import.meta.url), "utf8"),
) as Case[];

function bytesOf({ bytes }: Case): Buffer {
  const text = bytes.map((part) => (typeof part === "string" ? part : part.repeat.repeat(part.times))).join("");
  return Buffer.from(text, "latin1");
}

const BEHIND = "bytes behind the request";

/** The status of a refusal, what was understood, or "more" when the request has not ended. */
function decide(bytes: Buffer, pieceBytes: number): unknown {
  const reader = new HeadReader(LIMITS.proxy);
  const body = new BodyReader(LIMITS.proxy);
  let head: ReturnType<typeof parseRequestHead> | undefined;
  let data = "";
  const status = ({ id, message }: Refusal): number => new SkerryError(id, message).status;
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    // A copy of its own: a place that is remembered after the call would be found out.
    const piece = Buffer.from(bytes.subarray(at, at + pieceBytes));
    let from = 0;
    if (head === undefined) {
      from = reader.take(piece, 0, piece.length);
      if (reader.refusal !== undefined) return status(reader.refusal);
      if (from < 0) continue;
      head = parseRequestHead(reader, LIMITS.proxy);
      if (head instanceof Refusal) return status(head);
      body.begin(head.bodyBytes);
      body.keepsChunks = false;
    }
    if (body.done && from < piece.length) return BEHIND;
    const end = body.take(piece, from, piece.length, (buffer, start, stop) => {
      data += buffer.toString("latin1", start, stop);
    });
    if (body.refusal !== undefined) return status(body.refusal);
    if (end < piece.length) return BEHIND;
    piece.fill(0x58);
  }
  if (head === undefined || head instanceof Refusal || !body.done) return "more";
  return { method: head.method, target: head.target, host: head.host, body: data };
}

describe("the corpus against the parser", () => {
  ok(corpus.length > 100, "the corpus is there");
  for (const one of corpus) {
    for (const pieceBytes of [Number.MAX_SAFE_INTEGER, 1, 7]) {
      const how = pieceBytes > 7 ? "in one piece" : `by ${pieceBytes}`;
      test(`${one.name}, ${how}`, () => deepEqual(decide(bytesOf(one), pieceBytes), one.accept ?? one.refuse));
    }
  }
});

test("whatever is changed in the corpus, the pieces in which it comes change nothing", (t) => {
  const small = corpus.map(bytesOf).filter(({ length }) => length < 1000);
  const byte = fc.oneof(
    fc.constantFrom(..."\0\t\r\n :;,.0aF\u007f\u00ff").map((text) => text.charCodeAt(0)),
    fc.nat(255),
  );
  const change = fc.record({ at: fc.nat(400), byte, kind: fc.constantFrom("replace", "insert", "remove") });
  const counts = new Map<unknown, number>();
  fc.assert(
    fc.property(
      fc.nat(small.length - 1),
      fc.array(change, { maxLength: 3 }),
      fc.nat(20),
      (index, changes, pieceBytes) => {
        let bytes = small[index] as Buffer;
        for (const { at, byte: value, kind } of changes) {
          const place = at % (bytes.length + 1);
          const rest = bytes.subarray(kind === "insert" ? place : place + 1);
          bytes = Buffer.concat([bytes.subarray(0, place), Buffer.from(kind === "remove" ? [] : [value]), rest]);
        }
        const whole = decide(bytes, Number.MAX_SAFE_INTEGER);
        deepEqual(decide(bytes, pieceBytes + 1), whole);
        const what = typeof whole === "object" ? "taken" : whole;
        counts.set(what, (counts.get(what) ?? 0) + 1);
      },
    ),
    { numRuns: CASES, seed: FUZZ_SEED },
  );
  t.diagnostic(`fuzz ${CASES} cases: ${JSON.stringify([...counts])}`);
  for (const what of ["taken", 400, "more"]) ok((counts.get(what) ?? 0) > 20, JSON.stringify([...counts]));
});

test("names of the corpus are unique", () => {
  equal(new Set(corpus.map(({ name }) => name)).size, corpus.length);
});
