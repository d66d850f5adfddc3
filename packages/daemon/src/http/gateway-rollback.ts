/** Puts what the gateway runs of a project back as it was after a generation: in a draft, so all of it or nothing. */
import { isDeepStrictEqual } from "node:util";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { isError, SkerryError } from "@skerry/core/domain/errors.ts";
import type { RouteSpec } from "@skerry/core/domain/gateway.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { Rollout } from "@skerry/core/domain/route-canary.ts";
import { digestOf, type HistoryKind, type Kept, keptOf, placeIn } from "@skerry/core/gateway/history/changes.ts";
import type { Draft } from "@skerry/core/store/drafts.ts";
import { type AskedChange, Drafting, readOf, specOf } from "./gateway-draft.ts";
import type { Services } from "./services.ts";

/** One thing that is not as it was. */
interface Step {
  readonly key: string;
  readonly kind: HistoryKind;
  readonly name: string;
  readonly now: Kept | undefined;
  readonly then: Kept | undefined;
}

/** What an update says for a field that is to be as if it had never been said. */
const ABSENT: Readonly<Record<string, unknown>> = {
  ...{ match: {}, protocol: "auto", tags: [], proxyProtocol: "none", ocsp: "", balance: { method: "round-robin" } },
};
/** One of them goes when another is said, and none can be said to be absent. */
const DESTINATIONS: readonly string[] = ["to", "split"];

/** `project`: its uid. @throws what keeps any of it from being put back; nothing has been changed. */
export async function draftBack(services: Services, call: Call, project: string, backTo: number): Promise<Draft> {
  const { history } = services.gatewayChanges;
  const changed = await history.changedSince(project, backTo);
  const steps: Step[] = [];
  for (const [key, then] of changed) {
    const now = keptOf(await services.store.get(key));
    if (isSame(now, then)) continue;
    const { kind, name } = placeIn(key);
    const uid = now?.uid ?? then?.uid;
    if (!call.allows(readOf(kind), { project, ...(uid === undefined ? {} : { uid }) })) throw unseen(backTo);
    steps.push({ key, kind, name, now, then });
  }
  if (steps.length > LIMITS.history.maxChanges) throw tooMany(steps.length, backTo);
  assertPossible(steps, backTo);
  const drafting = new Drafting(services);
  const draft = await drafting.run(() => goBack(drafting, call, project, steps));
  for (const { key, kind, name, then } of steps) {
    if (isSame(keptOf(await draft.get(key)), then)) continue;
    throw new SkerryError("conflict", `${kind} ${name} cannot be put back as it was after generation ${backTo}.`, {
      hint: `How it was: skerry gateway history show ${backTo}. Change it by hand, or go back less far.`,
    });
  }
  return draft;
}

/** What is shown of them, and their labels. Which of them it is, and what it may reach, is decided anew. */
function isSame(a: Kept | undefined, b: Kept | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (!isDeepStrictEqual(a.labels, b.labels)) return false;
  if ((a.digest ?? b.digest) !== undefined) return digestOf(a) === digestOf(b);
  const shown = ({ spec: { anyUpstream: _, previousTo: __, rollout, ...rest } }: Kept) => {
    const all = { ...rest, ...(rollout === undefined ? {} : { rollout: whereOf(rollout as unknown as Rollout) }) };
    return JSON.parse(JSON.stringify(all, (name, value) => (name === "anyUpstream" ? undefined : value))) as unknown;
  };
  return isDeepStrictEqual(shown(a), shown(b));
}

/** How far a canary has come: since when and why is told anew, and one that ran is paused when it is put back. */
function whereOf({ phase, percent, base }: Rollout) {
  return { phase: phase === "running" ? "paused" : phase, percent, base };
}

/** What leads to others goes before them and comes after them. */
async function goBack(drafting: Drafting, call: Call, project: string, steps: readonly Step[]): Promise<void> {
  const of = (kind: HistoryKind, isGone: boolean) =>
    steps.filter((step) => step.kind === kind && (step.then === undefined) === isGone);
  const make = (change: AskedChange) => drafting.make(call, project, change);
  const makeRoute = async (change: AskedChange, { name, then }: Step) => {
    await make(change);
    const { canary, rollout } = (then?.spec ?? {}) as unknown as Partial<RouteSpec>;
    if (canary === undefined || rollout === undefined) return;
    await drafting.services.routes.update(project, name, { canary, turn: { action: "put-back", rollout } });
  };
  const remove = async (all: readonly Step[]) => {
    for (const { kind, name } of all) await make({ kind, name, delete: true });
  };
  await remove(of("route", true));
  // One whose host is another cannot be changed into it.
  await remove(of("route", false).filter(isMoved));
  for (const kind of ["iplist", "certificate", "upstream"] as const) {
    for (const step of of(kind, false)) {
      await make(changeOf(step)).catch((error: unknown) => {
        throw told(step, error);
      });
    }
  }
  await putRoutes(of("route", false), makeRoute);
  for (const kind of ["upstream", "certificate", "iplist"] as const) await remove(of(kind, true));
}

type Make = (change: AskedChange, step: Step) => Promise<void>;

/** One may take the place that another leaves: who finds it taken waits for the others. @throws when nobody can go on. */
async function putRoutes(steps: readonly Step[], make: Make): Promise<void> {
  let waiting = [...steps];
  while (waiting.length > 0) {
    const next: Step[] = [];
    let refused: unknown;
    for (const step of waiting) {
      await make(withoutCanary(isMoved(step) ? createdAs(step) : changeOf(step), step), step).catch(
        (error: unknown) => {
          if (!isError(error, "conflict/exists")) throw error;
          refused = error;
          next.push(step);
        },
      );
    }
    // Each has the place of another: one leaves its own for a while.
    if (next.length === waiting.length) next.unshift(await stepAside(next.pop() as Step, make, refused));
    waiting = next;
  }
}

const ASIDE = "/.skerry/rollback";

/** The draft ends without it. @throws `refused` when that has not helped. */
async function stepAside({ now, ...step }: Step, make: Make, refused: unknown): Promise<Step> {
  if (now === undefined || now.spec["path"] === ASIDE || now.spec["listen"] !== undefined) throw refused;
  await make({ kind: "route", name: step.name, spec: { path: ASIDE, match: {} } }, { ...step, now, then: undefined });
  const { match: _, ...spec } = now.spec;
  return { ...step, now: { ...now, spec: { ...spec, path: ASIDE } } };
}

/** A route keeps its host, or listener. */
function isMoved({ kind, now, then }: Step): boolean {
  if (kind !== "route" || now === undefined || then === undefined) return false;
  return now.spec["host"] !== then.spec["host"] || now.spec["listen"] !== then.spec["listen"];
}

function createdAs({ kind, name, then }: Step): AskedChange {
  if (then === undefined) return { kind, name, delete: true };
  return { kind, name, labels: then.labels, spec: specOf(kind, then) };
}

/** Only what differs: what stays as it is needs nobody's leave. */
function changeOf(step: Step): AskedChange {
  const { kind, name, now, then } = step;
  if (now === undefined || then === undefined) return createdAs(step);
  const [is, was] = [specOf(kind, now), specOf(kind, then)];
  const spec: Record<string, unknown> = {};
  for (const field of new Set([...Object.keys(is), ...Object.keys(was)])) {
    if (isDeepStrictEqual(is[field], was[field])) continue;
    if (field in was) spec[field] = was[field];
    else if (!DESTINATIONS.includes(field)) spec[field] = ABSENT[field] ?? null;
  }
  return { kind, name, labels: then.labels, spec };
}

/** The weights are put back as they were, which none may move meanwhile: it comes after them. */
function withoutCanary(change: AskedChange, { now, then }: Step): AskedChange {
  const { canary: _, ...spec } = change.spec ?? {};
  const hasOne = now?.spec["canary"] !== undefined;
  return then === undefined ? change : { ...change, spec: hasOne ? { ...spec, canary: null } : spec };
}

/** Keys of certificates are not kept, nor is what is too large. @throws `conflict` that names what is gone. */
function assertPossible(steps: readonly Step[], backTo: number): void {
  const large = steps.find(({ then }) => then?.digest !== undefined);
  if (large !== undefined) {
    const what = `${large.kind} ${large.name}`;
    throw new SkerryError("conflict", `What ${what} was is too large to be kept in the history. Nothing was changed.`, {
      hint: `Make it as it was, then go back: skerry ${large.kind} update ${large.name} ...; skerry gateway rollback ${backTo}`,
    });
  }
  const gone = steps.filter(({ kind, now, then }) => kind === "certificate" && now === undefined && then !== undefined);
  const [first] = gone;
  if (first === undefined) return;
  const names = gone.map(({ name }) => name).join(", ");
  const message = `The keys of certificates that were deleted are gone: ${names} cannot be put back.`;
  throw new SkerryError("conflict", `${message} Nothing was changed.`, {
    hint: `Bring them again, then go back: skerry certificate create ${first.name} --cert FILE --key FILE; skerry gateway rollback ${backTo}`,
    details: { certificates: gone.map(({ name }) => name) },
  });
}

/** A certificate of another key than the one that is there. */
function told({ kind, name }: Step, error: unknown): unknown {
  if (kind !== "certificate" || !isError(error, "invalid")) return error;
  return new SkerryError("conflict", `${error.message} Keys of before are not kept. Nothing was changed.`, {
    hint: `If it had another key then, bring both again: skerry certificate update ${name} --cert FILE --key FILE`,
    cause: error,
  });
}

function unseen(backTo: number): SkerryError {
  return new SkerryError("forbidden", `Since generation ${backTo} something has changed that you may not see.`, {
    hint: "Ask somebody who may see all routes, upstreams, certificates and iplists of the project.",
  });
}

function tooMany(count: number, backTo: number): SkerryError {
  const most = LIMITS.history.maxChanges;
  const message = `${count} things have changed since generation ${backTo}; at most ${most} go back together.`;
  return new SkerryError("invalid/too-large", message, { hint: "Go back in steps: to a newer generation first." });
}
