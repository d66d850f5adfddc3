import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { RecentDurations } from "./percentile.ts";

test("a percentile is a bound that so many keep, at most a tenth above the longest of them; none is 0", () => {
  const all = new RecentDurations();
  equal(all.below(0.95), 0);
  for (let ms = 1; ms <= 100; ms++) all.observe(ms);
  for (const [part, ms] of [
    [0.5, 50],
    [0.9, 90],
    [0.95, 95],
    [0.99, 99],
    [1, 100],
  ] as const) {
    const bound = all.below(part);
    ok(bound >= ms && bound <= ms * 1.1, `${part}: ${bound}`);
  }
  equal(all.seen, 100);
});

test("what was is forgotten as others come, and what takes longer than all bounds is not lost", () => {
  const all = new RecentDurations();
  for (let i = 0; i < 5000; i++) all.observe(1000);
  for (let i = 0; i < 15_000; i++) all.observe(1);
  ok(all.below(0.95) < 2, String(all.below(0.95)));
  for (let i = 0; i < 15_000; i++) all.observe(1e9);
  ok(all.below(0.5) > 9000, String(all.below(0.5)));
});
