/**
 * Why a request takes the route that it takes, told step by step. The table decides, as in a worker; what is told of each
 * route comes from the same conditions. Who asks sees only what he may: the rest is not there.
 */
import { namesAbove } from "../../domain/gateway.ts";
import { LIMITS } from "../../domain/limits.ts";
import { CONDITION_PLACES } from "../../domain/route-match.ts";
import { Refusal } from "../http1/grammar.ts";
import { HeadReader } from "../http1/head-reader.ts";
import { parseRequestHead, type RequestHead } from "../http1/request-head.ts";
import type { TableEntry } from "../table.ts";
import { type Asked, Facts } from "./asked.ts";
import { compareRoutes, type Demand, isMet, toCandidate } from "./candidate.ts";
import { generousReadings, isOdd } from "./path-reading.ts";
import { compileTable } from "./route-table.ts";

const NOUNS = { headers: "header", query: "query parameter", cookies: "cookie" } as const;

export interface Step {
  readonly about: "request" | "host" | "path" | "route" | "access" | "limits";
  /** The host or the route that it is about. */
  readonly name?: string;
  /** Uid of the route's project. */
  readonly project?: string;
  /** `wins` once at most. */
  readonly verdict: "wins" | "no" | "note";
  readonly why: string;
}

export interface Explanation {
  readonly steps: readonly Step[];
  /** The gateway answers so itself. */
  readonly refused?: Refusal;
  /** Absent: no route takes it. */
  readonly entry?: TableEntry;
  /** Why this route and no other: the last rule that told it from the next. */
  readonly rule?: string;
}

/** A line break in what was said. */
const BROKEN = new Refusal("invalid", "A header, the method or the target has a line break in it.");

/** What a program would send; the parser of the gateway reads it. @returns what it refuses. */
export function askedFor(method: string, host: string, target: string, lines: string): RequestHead | Refusal {
  const head = Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${lines}\r\n`, "latin1");
  const reader = new HeadReader(LIMITS.proxy);
  const end = reader.take(head, 0, head.length);
  if (end === head.length) return parseRequestHead(reader, LIMITS.proxy);
  return reader.refusal ?? BROKEN;
}

/** `entries`: all of the hosts that may serve the name; `mayRead`: who asks may know of it. */
export function explain(
  entries: readonly TableEntry[],
  asked: Asked,
  mayRead: (entry: TableEntry) => boolean,
): Explanation {
  const steps: Step[] = [];
  const path = pathOf(asked);
  const readable = entries.filter(mayRead);
  const table = compileTable(entries);
  const found = table.find(asked);
  const served = table.servedAs(asked.host);
  const host = explainHost(readable, asked.host, served, steps);
  const isHidden = served !== undefined && !readable.some((one) => one.host === served);
  // How a path may be read tells of routes; that it has what no path has does not.
  const isTold = !isHidden || generousReadings(path) === undefined;
  if (isOdd(path)) explainReading(path, isTold && found instanceof Refusal, steps);
  if (found instanceof Refusal) return isTold ? { steps, refused: found } : { steps };
  const entry = found !== undefined && mayRead(found) ? found : undefined;
  const rivals = readable.filter((one) => one.host === host).sort(compareRoutes);
  const others = explainRoutes(rivals, entry, asked, steps);
  return entry === undefined ? { steps } : { steps, entry, rule: ruleOf(entry, others) };
}

/** How the route has come to win, in a few words: for a header of an answer. */
export function ruleOf({ path, match }: TableEntry, isAlone = true): string {
  const kind =
    match?.path === "exact"
      ? "exact path"
      : match?.path === "regex"
        ? "pattern"
        : isAlone && path === "/"
          ? "all paths"
          : "longest prefix";
  const more = [
    ...(match?.methods === undefined ? [] : ["method"]),
    ...(["headers", "query", "cookies"] as const).filter((place) => match?.[place]),
  ];
  return [kind, ...more].join(", ");
}

function pathOf({ target }: Asked): string {
  return target === "*" ? "/" : (target.split("?", 1)[0] as string);
}

/** The host whose routes decide, if it may be told. */
function explainHost(
  entries: readonly TableEntry[],
  host: string,
  served: string | undefined,
  steps: Step[],
): string | undefined {
  const counts = new Map<string, number>();
  for (const entry of entries) counts.set(entry.host, (counts.get(entry.host) ?? 0) + 1);
  let winner: string | undefined;
  for (const name of [host, ...namesAbove(host).map((above) => `*.${above}`)]) {
    const count = counts.get(name) ?? 0;
    if (count === 0 && name !== host) continue;
    const routes = count === 1 ? "1 route" : `${count} routes`;
    if (winner !== undefined) steps.push({ about: "host", name, verdict: "no", why: `${routes}; ${winner} is nearer` });
    else if (count === 0)
      steps.push({ about: "host", name, verdict: "no", why: "no route leads from this name itself" });
    else if (name !== served)
      steps.push({ about: "host", name, verdict: "no", why: `${routes}; another project has claimed a nearer name` });
    else {
      winner = name;
      steps.push({ about: "host", name, verdict: "wins", why: `${routes}; it alone decides about the rest` });
    }
  }
  return winner;
}

function explainReading(path: string, isRefused: boolean, steps: Step[]): void {
  const readings = generousReadings(path);
  const others = [...new Set(readings ?? [])].filter((reading) => reading !== path).join(" or ");
  const how =
    readings === undefined ? "it has dot segments, or a broken percent-encoding" : `others may read it as ${others}`;
  const why = isRefused
    ? readings === undefined
      ? how
      : `${how}, which another route takes`
    : `${how}; that takes the same route`;
  steps.push({ about: "path", name: path, verdict: isRefused ? "no" : "note", why });
}

/** Whether no other takes the request. */
function explainRoutes(
  rivals: readonly TableEntry[],
  winner: TableEntry | undefined,
  asked: Asked,
  steps: Step[],
): boolean {
  const facts = new Facts().begin(asked);
  const path = pathOf(asked);
  let elsewhere = 0;
  let alike = 0;
  let untold = 0;
  for (const entry of rivals) {
    const name = entry.name ?? entry.id;
    const about = { about: "route", name, ...(entry.project === undefined ? {} : { project: entry.project }) } as const;
    if (!takesPath(entry, path)) {
      elsewhere++;
      continue;
    }
    const missing = whatMisses(entry, facts);
    if (missing === undefined && entry !== winner) alike++;
    if (entry !== winner && steps.length >= LIMITS.gateway.maxExplainSteps) untold++;
    else if (entry === winner) steps.push({ ...about, verdict: "wins", why: ruleOf(entry) });
    else steps.push({ ...about, verdict: "no", why: missing ?? afterWinner(entry, winner) });
  }
  if (elsewhere > 0)
    steps.push({
      about: "route",
      verdict: "note",
      why: `${elsewhere} more of the host ${elsewhere === 1 ? "takes" : "take"} other paths`,
    });
  if (untold > 0) steps.push({ about: "route", verdict: "note", why: `${untold} more are left out here` });
  return alike === 0;
}

/** Which rule of the order has decided between the two: `compareRoutes`, in words. */
function afterWinner(entry: TableEntry, winner: TableEntry | undefined): string {
  if (winner === undefined) return "it would take it, if another did not";
  const [one, other] = [winner.match ?? {}, entry.match ?? {}];
  const named = `${winner.name ?? winner.id} comes first`;
  if (one.path !== other.path)
    return `it would take it too; ${named}: ${one.path === "exact" ? "its path is exact" : "a pattern comes before a prefix"}`;
  if (winner.path !== entry.path)
    return `it would take it too; ${named}: its ${one.path === "regex" ? "pattern says more" : "path is longer"}`;
  if (one.methods !== undefined && other.methods === undefined)
    return `it would take it too; ${named}: it asks for a method`;
  const more = CONDITION_PLACES.find((place) => one[place]?.length !== other[place]?.length);
  if (more !== undefined) return `it would take it too; ${named}: it asks for more ${NOUNS[more]}s`;
  return `it would take it too; ${named}: it asks for as much, and their names decide`;
}

function takesPath(entry: TableEntry, path: string): boolean {
  const { match: _, ...plain } = entry;
  const kind = entry.match?.path;
  const bare = kind === undefined ? plain : { ...plain, match: { path: kind } };
  return compileTable([bare]).find({ host: entry.host, method: "GET", target: path, lines: "" }) === bare;
}

/** Why the route does not take it, though it takes its path. */
function whatMisses(entry: TableEntry, facts: Facts): string | undefined {
  const { methods, demands } = toCandidate(entry);
  if (methods !== undefined && !methods.includes(facts.method))
    return `it takes ${methods.join()}, not ${facts.method}`;
  const demand = demands.find((one) => !isMet(one, facts));
  return demand === undefined ? undefined : `${nounOf(demand)} ${describe(demand, facts)}`;
}

function nounOf({ place, condition }: Demand): string {
  return `the ${NOUNS[place]} ${condition.name}`;
}

function describe({ place, condition }: Demand, facts: Facts): string {
  const value = facts.value(place, condition.name);
  if (condition.type === "absent") return "is there, and must not be";
  if (value === undefined) return "is not there";
  return `is ${JSON.stringify(value)}, not ${condition.type === "regex" ? `as ${condition.value}` : JSON.stringify(condition.value)}`;
}
