import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { Budget } from "./budget.ts";
import { KeptBody } from "./kept-body.ts";
import type { UpstreamSide } from "./sides.ts";

const RULES = { percent: 10, lent: 3, max: 100, lendEveryMs: 10_000 };

test("of all requests no more than the share are sent again, however many fail; the first few are paid back", () => {
  const budget = new Budget(RULES, () => 0);
  let taken = 0;
  for (let asked = 1; asked <= 5000; asked++) {
    budget.fill();
    while (budget.take()) taken++;
    ok(taken <= Math.max(3, asked / 10 + 1e-6), `${taken} of ${asked}`);
  }
  equal(taken, 500);
});

test("what is not used is saved up to a bound", () => {
  const budget = new Budget(RULES, () => 0);
  for (let asked = 0; asked < 100_000; asked++) budget.fill();
  let taken = 0;
  while (budget.take()) taken++;
  equal(taken, 100);
});

test("a route that is asked seldom is lent one now and then, and none with no budget at all", () => {
  let nowMs = 0;
  const budget = new Budget(RULES, () => nowMs);
  const takes = () => [budget.take(), budget.take()];
  budget.fill();
  deepEqual([...takes(), ...takes()], [true, true, true, false]);
  nowMs = 9_999;
  deepEqual(takes(), [false, false]);
  nowMs = 10_000;
  deepEqual(takes(), [true, false]);
  const none = new Budget({ ...RULES, percent: 0, lent: 0 }, () => nowMs);
  nowMs = 1e9;
  equal(none.take(), false);
});

test("a body is kept whole or not at all, within the bounds of one and of all", () => {
  const all = { bytes: 0 };
  const sent: string[] = [];
  const upstream = {
    sendBody: (bytes: Buffer) => sent.push(bytes.toString()),
    endBody: (trailers: string) => sent.push(`end ${trailers}`),
    cork: () => undefined,
    uncork: () => undefined,
  } as unknown as UpstreamSide;
  const body = new KeptBody(all, true);
  equal(body.isWhole, false);
  // The buffer that it came in is used again.
  const buffer = Buffer.alloc(1);
  for (let at = 0; at < 1000; at++) {
    buffer.write(String(at % 10));
    body.keep(buffer);
  }
  body.end("A: b\r\n");
  ok(body.isWhole);
  equal(all.bytes, 1000);
  body.replay(upstream);
  equal(sent.join(""), `${"0123456789".repeat(100)}end A: b\r\n`);
  const large = new KeptBody(all, true);
  for (let at = 0; at < 65; at++) large.keep(Buffer.alloc(1024));
  large.end("");
  equal(large.isWhole, false);
  equal(all.bytes, 1000);
  body.release();
  body.release();
  equal(all.bytes, 0);
  equal(body.isWhole, false);
  const crowded = new KeptBody({ bytes: 16 * 1024 * 1024 }, true);
  crowded.keep(Buffer.alloc(1));
  crowded.end("");
  equal(crowded.isWhole, false);
});
