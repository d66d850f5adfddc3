import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { isError, SkerryError } from "./errors.ts";
import { type Canary, type CanaryChange, type CanaryText, canonicalCanary, withCanary } from "./route-canary.ts";
import type { Split } from "./route-split.ts";

const SPLIT: Split = {
  variants: [
    { name: "stable", to: "http://a", weight: 7 },
    { name: "next", to: "http://b", weight: 0 },
  ],
};
const CANARY = canonicalCanary({ variant: "next", steps: [10, 60] });

function begin(split: Split = SPLIT, canary: Canary = CANARY) {
  return withCanary<Parameters<typeof withCanary>[0]>({}, { split }, { canary }, 1);
}

function weights({ split }: { readonly split?: Split }): number[] {
  return split?.variants.map(({ weight }) => weight) ?? [];
}

/** Without a change of the split. */
function after(before: ReturnType<typeof begin>, change: CanaryChange) {
  return withCanary(before, before, change, 2);
}

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof SkerryError) return error.code;
  }
  return "none";
}

test("what is left out of a canary is as usual; what could never work is refused", () => {
  const usual = { steps: [5, 25, 50, 100], every: "5m", maxErrorPercent: 5, minRequests: 50 };
  deepEqual(canonicalCanary({ variant: "next" }), { variant: "next", ...usual });
  const wrong: Partial<CanaryText>[] = [
    ...[{ steps: [] }, { steps: [5, 5] }, { steps: [50, 20] }, { steps: [0, 5] }, { steps: [2.5] }, { steps: [101] }],
    ...[{ every: "5" }, { every: "0s" }, { every: "25h" }, { maxErrorPercent: 100 }, { maxErrorPercent: -1 }],
    ...[{ maxErrorPercent: Number.NaN }, { minRequests: 0 }, { minRequests: 1.5 }, { maxP95Ms: 0 }, { maxP95Ms: 1e9 }],
  ];
  for (const said of wrong) {
    throws(
      () => canonicalCanary({ variant: "next", ...said }),
      (error) => isError(error, "invalid"),
      JSON.stringify(said),
    );
  }
});

test("a canary begins at its first step, moves, and gives back what the others had", () => {
  const begun = begin();
  deepEqual(weights(begun), [90, 10]);
  deepEqual([begun.rollout?.phase, begun.rollout?.percent, begun.rollout?.base], ["running", 10, { stable: 7 }]);
  const moved = after(begun, { turn: { action: "move", phase: "running", percent: 60, why: "good" } });
  deepEqual([weights(moved), moved.rollout?.why, moved.rollout?.sinceMs], [[40, 60], "good", 2]);
  deepEqual(weights(after(moved, { turn: { action: "promote" } })), [0, 100]);
  const aborted = after(after(moved, { turn: { action: "promote" } }), { turn: { action: "abort" } });
  deepEqual([weights(aborted), aborted.rollout?.phase], [[7, 0], "aborted"]);
  const again = after(aborted, { turn: { action: "start" } });
  deepEqual([weights(again), again.rollout?.phase], [[90, 10], "running"]);
  const three: Split = {
    variants: [
      { name: "a", to: "http://a", weight: 2 },
      { name: "next", to: "http://b", weight: 9 },
      { name: "c", to: "http://c", weight: 1 },
      { name: "off", to: "http://d", weight: 0 },
    ],
  };
  deepEqual(weights(begin(three)), [600, 100, 300, 0]);
});

test("a turn that makes no sense in its phase is refused, and moves nothing", () => {
  const begun = begin();
  const paused = after(begun, { turn: { action: "pause" } });
  deepEqual([paused.rollout?.phase, weights(paused)], ["paused", [90, 10]]);
  equal(after(paused, { turn: { action: "resume" } }).rollout?.phase, "running");
  const over = after(begun, { turn: { action: "move", phase: "rolled-back", percent: 0, why: "bad" } });
  for (const [spec, turn] of [
    [begun, { action: "resume" }],
    [paused, { action: "pause" }],
    [over, { action: "resume" }],
    [over, { action: "move", phase: "running", percent: 50, why: "" }],
    [{ split: SPLIT }, { action: "start" }],
    [{}, { action: "abort" }],
  ] as const) {
    equal(
      refusal(() => after(spec, { turn })),
      "invalid",
      JSON.stringify(turn),
    );
  }
});

test("while there is a canary weights are its own; other variants, or another canary, begin anew", () => {
  const begun = begin();
  const moved = after(begun, { turn: { action: "move", phase: "running", percent: 60, why: "good" } });
  const said = (split: Split, change: CanaryChange = {}) => withCanary(moved, { ...moved, split }, change, 3);
  equal(
    refusal(() => said(SPLIT)),
    "conflict",
  );
  const [stable, next] = SPLIT.variants as [Split["variants"][0], Split["variants"][0]];
  // As a file that is applied again says all of it.
  const applied = said(SPLIT, { canary: CANARY });
  deepEqual([weights(applied), applied.rollout?.percent], [[40, 60], 60]);
  const ruled = said(SPLIT, { canary: { ...CANARY, every: "1s" } });
  deepEqual([weights(ruled), ruled.canary?.every, ruled.rollout?.percent], [[40, 60], "1s", 60]);
  const other = said({ variants: [stable, { ...next, to: "http://c" }] });
  deepEqual([weights(other), other.rollout?.phase, other.rollout?.percent], [[90, 10], "running", 10]);
  const promoted = after(moved, { turn: { action: "promote" } });
  const newer = { variants: promoted.split?.variants.map((one) => ({ ...one, to: `${one.to}2` })) ?? [] };
  deepEqual(weights(withCanary(promoted, { ...promoted, split: newer }, {}, 3)), [90, 10]);
  const without = said(SPLIT, { canary: null });
  deepEqual([weights(without), without.canary, without.rollout], [[7, 0], undefined, undefined]);
  const { split: _, ...elsewhere } = moved;
  deepEqual(withCanary(moved, elsewhere, {}, 3), {});
  for (const canary of [canonicalCanary({ variant: "gone" })]) {
    equal(
      refusal(() => said(SPLIT, { canary })),
      "invalid",
    );
  }
  const alone: Split = {
    variants: [
      { ...stable, weight: 0 },
      { ...next, weight: 1 },
    ],
  };
  equal(
    refusal(() => begin(alone)),
    "invalid",
  );
});
