/**
 * Canaries: a variant of a split that gets more requests step by step, and none when it fails. Plain rules: what is said, and
 * what each turn makes of a route. When to turn is for `gateway/canary` to say.
 */
import { SkerryError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { durationMs } from "./route-limits.ts";
import type { Split, Variant } from "./route-split.ts";

/** What is said of one. */
export interface Canary {
  /** Name of the variant. */
  readonly variant: string;
  /** Percent of the requests, growing. The last is where it ends. */
  readonly steps: readonly number[];
  /** Each step lasts so long at least: `30s`, `5m`. */
  readonly every: string;
  /** Of its requests so many percent may fail. */
  readonly maxErrorPercent: number;
  /** 95 % of its requests take no longer. Absent: that is not looked at. */
  readonly maxP95Ms?: number;
  /** Nothing is judged by less of them. */
  readonly minRequests: number;
}

export type CanaryText = { readonly [K in keyof Canary]?: Canary[K] | undefined } & Pick<Canary, "variant">;

/** The gateway looks after those that run or are paused. */
export const CANARY_PHASES = ["running", "paused", "complete", "rolled-back", "aborted"] as const;
export type CanaryPhase = (typeof CANARY_PHASES)[number];

/** What has become of one. Changes with the weights, in one transaction. */
export interface Rollout {
  readonly phase: CanaryPhase;
  /** Of the requests that are the canary's. */
  readonly percent: number;
  /** Wall time at which it came to that. */
  readonly sinceMs: number;
  /** In words, for people. */
  readonly why: string;
  /** Weights of the other variants before it began: the way back. */
  readonly base: Readonly<Record<string, number>>;
}

export function isLive(rollout: Rollout | undefined): boolean {
  return rollout?.phase === "running" || rollout?.phase === "paused";
}

/** What turns one; `move` is the gateway's own, `put-back` a rollback's: it was so then, with the weights that are said. */
export type CanaryTurn =
  | { readonly action: (typeof CANARY_ACTIONS)[number] }
  | { readonly action: "put-back"; readonly rollout: Rollout }
  | { readonly action: "move"; readonly phase: CanaryPhase; readonly percent: number; readonly why: string };
export const CANARY_ACTIONS = ["start", "pause", "resume", "promote", "abort"] as const;

/** The part of a route that it is about. */
interface Rolled {
  readonly split?: Split;
  readonly canary?: Canary;
  readonly rollout?: Rollout;
}

const { maxSteps, maxEveryMs, maxRequests, maxP95Ms: longestP95Ms } = LIMITS.canary;
const USUAL = { steps: [5, 25, 50, 100], every: "5m", maxErrorPercent: 5, minRequests: 50 } as const;

/** In full: what is left out is as usual. @throws `invalid`. */
export function canonicalCanary(said: CanaryText): Canary {
  const { variant, maxP95Ms } = said;
  const { steps = USUAL.steps, every = USUAL.every } = said;
  const { maxErrorPercent = USUAL.maxErrorPercent, minRequests = USUAL.minRequests } = said;
  const grows = steps.every((percent, at) => Number.isInteger(percent) && percent > (steps[at - 1] ?? 0));
  if (steps.length === 0 || steps.length > maxSteps || !grows || (steps.at(-1) ?? 0) > 100) {
    throw refuse("steps", `The steps are 1 to ${maxSteps} whole percents up to 100, each more than the one before.`);
  }
  if (!isDuration(every)) {
    throw refuse("every", `${JSON.stringify(every.slice(0, 20))} is no time that a step lasts: 30s, 5m, 24h at most.`);
  }
  if (!(maxErrorPercent >= 0 && maxErrorPercent < 100)) {
    throw refuse("maxErrorPercent", "0 to 99.9 percent of its requests may fail.");
  }
  if (!Number.isInteger(minRequests) || minRequests < 1 || minRequests > maxRequests) {
    throw refuse("minRequests", `It is judged by 1 to ${maxRequests} requests.`);
  }
  if (maxP95Ms !== undefined && (!Number.isInteger(maxP95Ms) || maxP95Ms < 1 || maxP95Ms > longestP95Ms)) {
    throw refuse("maxP95Ms", `It is 1 to ${longestP95Ms} milliseconds.`);
  }
  const plain = { variant, steps: [...steps], every, maxErrorPercent, minRequests };
  return { ...plain, ...(maxP95Ms === undefined ? {} : { maxP95Ms }) };
}

function isDuration(text: string): boolean {
  try {
    return durationMs(text) <= maxEveryMs;
  } catch {
    return false;
  }
}

/** Said of a canary, and whether weights were. Undefined: as it was; null: none. */
export interface CanaryChange {
  readonly canary?: Canary | null | undefined;
  readonly turn?: CanaryTurn | undefined;
}

/**
 * `next` with what is to be of its canary. One that is new, or whose variants are others than before, begins; else the weights
 * stay what it has made of them, whatever is said. @throws `invalid`, `conflict` (weights are said, and it moves them).
 */
export function withCanary<S extends Rolled>(before: Rolled, next: S, change: CanaryChange, nowMs: number): S {
  const { canary: _, rollout: __, ...plain } = next;
  const rest = plain as S;
  const { split } = next;
  const canary = change.canary === undefined ? before.canary : (change.canary ?? undefined);
  if (split === undefined && (change.canary || change.turn !== undefined)) {
    throw refuse("variant", "The route is not split: there is no variant that could be a canary.");
  }
  if (change.turn !== undefined && canary === undefined) {
    throw refuse("variant", "The route has no canary.", "Start one: skerry route canary start NAME --variant VARIANT");
  }
  if (split === undefined || canary === undefined) return rest;
  if (!split.variants.some(({ name }) => name === canary.variant)) {
    throw refuse("variant", `There is no variant ${canary.variant} that could be the canary.`);
  }
  if (change.turn?.action === "put-back") return { ...rest, canary, rollout: putBack(change.turn.rollout, nowMs) };
  const { rollout } = before;
  const isSame = before.canary?.variant === canary.variant && areAlike(before.split, split);
  if (!isSame || rollout === undefined || change.turn?.action === "start") {
    const base = isSame && rollout ? rollout.base : baseOf(split, canary, rollout?.base);
    const percent = canary.steps[0] ?? 0;
    const begun: Rollout = { phase: "running", percent, sinceMs: nowMs, why: "it has begun", base };
    return { ...rest, canary, rollout: begun, split: weighed(split, canary, base, percent) };
  }
  if (change.canary === undefined) assertUnmoved(before.split, split);
  const kept = { ...split, variants: before.split?.variants ?? split.variants };
  if (change.turn === undefined) return { ...rest, split: kept, canary, rollout };
  const turned = turnedBy(change.turn, rollout, nowMs);
  const moved = turned.percent === rollout.percent ? kept : weighed(kept, canary, rollout.base, turned.percent);
  return { ...rest, split: moved, canary, rollout: turned };
}

/** One that ran then waits for people: what was seen of it is long ago. */
function putBack(then: Rollout, nowMs: number): Rollout {
  if (!isLive(then)) return { ...then, sinceMs: nowMs };
  return { ...then, phase: "paused", sinceMs: nowMs, why: "a rollback put it back: it goes on with resume" };
}

/** @throws `invalid` when it makes no sense in the phase that it is in. */
function turnedBy(
  turn: Exclude<CanaryTurn, { action: "put-back" }>,
  { phase, percent, base }: Rollout,
  nowMs: number,
): Rollout {
  const to = (next: CanaryPhase, share: number, why: string): Rollout => {
    return { phase: next, percent: share, sinceMs: nowMs, why, base };
  };
  const expect = (phases: readonly CanaryPhase[], what: string) => {
    if (phases.includes(phase)) return;
    throw refuse("variant", `The canary is ${phase}: ${what}.`, "To begin again: skerry route canary start NAME");
  };
  switch (turn.action) {
    case "move":
      expect(["running", "paused"], "it moves no more");
      return to(turn.phase, turn.percent, turn.why);
    case "pause":
      expect(["running"], "only one that is running can be paused");
      return to("paused", percent, "it was paused");
    case "resume":
      expect(["paused"], "only one that is paused can go on");
      return to("running", percent, "it was resumed");
    case "promote":
      return to("complete", 100, "it was promoted");
    default:
      return to("aborted", 0, "it was aborted");
  }
}

/** The split in which the canary gets so much, and the others the rest as they stand to one another. */
function weighed(split: Split, { variant }: Canary, base: Rollout["base"], percent: number): Split {
  const sum = Object.values(base).reduce((all, weight) => all + weight, 0);
  const others = Object.values(base).filter((weight) => weight > 0).length;
  // With more than one other, tenths of a percent: whole ones would be too coarse.
  const unit = others === 1 ? 1 : 10;
  const weightOf = ({ name }: Variant): number => {
    if (name === variant) return percent * unit;
    const weight = base[name] ?? 0;
    if (percent === 0) return weight;
    if (weight === 0 || percent === 100) return 0;
    return Math.max(1, Math.round((weight * (100 - percent) * unit) / sum));
  };
  return { ...split, variants: split.variants.map((one) => ({ ...one, weight: weightOf(one) })) };
}

/** What the others weigh; `earlier` when nothing is left of that. @throws `invalid`. */
function baseOf({ variants }: Split, { variant }: Canary, earlier: Rollout["base"] = {}): Rollout["base"] {
  const others = variants.filter(({ name }) => name !== variant);
  const weigh = (weightOf: (one: Variant) => number) =>
    Object.fromEntries(others.map((one) => [one.name, weightOf(one)]));
  for (const base of [weigh(({ weight }) => weight), weigh(({ name }) => earlier[name] ?? 0)]) {
    if (Object.values(base).some((weight) => weight > 0)) return base;
  }
  throw refuse("variant", "No other variant has a weight: there would be no way back.");
}

/** But for weights. */
function areAlike(before: Split | undefined, next: Split): boolean {
  const plain = (split: Split | undefined) =>
    JSON.stringify(split?.variants.map(({ name, to, tags }) => [name, to, tags ?? []]));
  return plain(before) === plain(next);
}

function assertUnmoved(before: Split | undefined, next: Split): void {
  const weights = (split: Split | undefined) => JSON.stringify(split?.variants.map(({ weight }) => weight));
  if (weights(before) === weights(next)) return;
  throw new SkerryError("conflict", "The canary moves the weights of this route.", {
    hint: "skerry route canary promote NAME, or abort; or take it away first: skerry route update NAME --no-canary",
    details: { field: "spec.split" },
  });
}

function refuse(field: keyof Canary, message: string, hint?: string): SkerryError {
  return new SkerryError("invalid", message, {
    hint:
      hint ?? "Like canary: {variant: next, steps: [5, 25, 50, 100], every: 5m, maxErrorPercent: 5, minRequests: 50}",
    details: { field: `spec.canary.${field}` },
  });
}
