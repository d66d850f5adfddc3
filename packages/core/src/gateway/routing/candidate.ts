/** One route of a path, ready to be asked whether a request is for it, and which of two comes first. */
import { CONDITION_PLACES, type Condition, type ConditionPlace } from "../../domain/route-match.ts";
import type { TableEntry } from "../table.ts";
import type { Facts } from "./asked.ts";
import { LazyRegex } from "./patterns.ts";
import { literalPrefix } from "./regex/literal.ts";

export interface Demand {
  readonly place: ConditionPlace;
  readonly condition: Condition;
  readonly regex: LazyRegex | undefined;
}

export interface Candidate {
  readonly entry: TableEntry;
  readonly methods: readonly string[] | undefined;
  readonly demands: readonly Demand[];
}

export function toCandidate(entry: TableEntry): Candidate {
  const { match } = entry;
  const demands = CONDITION_PLACES.flatMap((place) => {
    return (match?.[place] ?? []).map((condition): Demand => {
      const regex = condition.type === "regex" ? new LazyRegex(condition.value ?? "") : undefined;
      return { place, condition, regex };
    });
  });
  return { entry, methods: match?.methods, demands };
}

/** Whether the route asks for more than its path. */
export function isConditional({ match }: TableEntry): boolean {
  return (
    match !== undefined && (match.methods !== undefined || CONDITION_PLACES.some((place) => match[place] !== undefined))
  );
}

export function allows(candidate: Candidate, facts: Facts): boolean {
  if (candidate.methods !== undefined && !candidate.methods.includes(facts.method)) return false;
  for (const demand of candidate.demands) if (!isMet(demand, facts)) return false;
  return true;
}

export function isMet({ place, condition, regex }: Demand, facts: Facts): boolean {
  const value = facts.value(place, condition.name);
  if (condition.type === "absent") return value === undefined;
  if (value === undefined) return false;
  if (regex !== undefined) return regex.test(value);
  return condition.type === "present" || value === condition.value;
}

/**
 * Order of the routes of one path; negative: `a` comes first. As the Gateway API of Kubernetes has it: methods, then more headers,
 * then more parameters; then more cookies, then more of them exact; the name ends every tie.
 */
export function compareEntries(a: TableEntry, b: TableEntry): number {
  const { match: one = {} } = a;
  const { match: other = {} } = b;
  const methods = Number(other.methods !== undefined) - Number(one.methods !== undefined);
  if (methods !== 0) return methods;
  for (const place of CONDITION_PLACES) {
    const more = (other[place]?.length ?? 0) - (one[place]?.length ?? 0);
    if (more !== 0) return more;
  }
  const exact = exactOnes(b) - exactOnes(a);
  if (exact !== 0) return exact;
  const names = [a.name ?? a.id, b.name ?? b.id] as const;
  if (names[0] !== names[1]) return names[0] < names[1] ? -1 : 1;
  return a.id < b.id ? -1 : Number(a.id > b.id);
}

/** Order of all routes of one host, as `find` in `paths.ts` takes them: exact paths, patterns, prefixes, the longer first. */
export function compareRoutes(a: TableEntry, b: TableEntry): number {
  const kind = KINDS.indexOf(a.match?.path) - KINDS.indexOf(b.match?.path);
  if (kind !== 0) return kind;
  if (a.match?.path === "regex") {
    const plain = literalPrefix(b.path).length - literalPrefix(a.path).length;
    if (plain !== 0) return plain;
  }
  const longer = b.path.length - a.path.length;
  if (longer !== 0) return longer;
  if (a.path !== b.path) return a.path < b.path ? -1 : 1;
  return compareEntries(a, b);
}

const KINDS: readonly (string | undefined)[] = ["exact", "regex", undefined];

function exactOnes({ match }: TableEntry): number {
  const all = CONDITION_PLACES.flatMap((place) => match?.[place] ?? []);
  return all.filter(({ type }) => type === "exact").length;
}
