/**
 * Targets of the corpus, changed at random with a seed: what is taken takes the same route however an upstream reads its path,
 * and is read the same in every cut.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { posix } from "node:path";
import { test } from "node:test";
import { LIMITS } from "../../domain/limits.ts";
import { TARGET_ROUTES, targetCorpus } from "../../testing/edge-corpora.ts";
import { changedBytes, FUZZ_SEED, fuzzCases } from "../../testing/fuzz.ts";
import { createSimRandom, type SimRandom } from "../../testing/sim-random.ts";
import { Refusal } from "../http1/grammar.ts";
import { HeadReader } from "../http1/head-reader.ts";
import { parseRequestHead } from "../http1/request-head.ts";
import { compileTable } from "./route-table.ts";

const CASES = fuzzCases(20_000);
const upstream = { backends: [], reach: "any" } as const;
const table = compileTable(
  Object.entries(TARGET_ROUTES).map(([name, route]) => ({ id: name, name, host: "app.example", ...route, upstream })),
);

/** What a route would be by its path alone, looked at one after another. */
function routeOf(path: string): string {
  if (path === "/files/list") return "list";
  if (/^\/u\/\d+$/.test(path)) return "users";
  return path === "/admin" || path.startsWith("/admin/") ? "admin" : "all";
}

const unescaped = (text: string): string =>
  text.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
const merged = (text: string): string => posix.normalize(text.replace(/\/{2,}/g, "/"));
const withoutParameters = (text: string): string => text.replace(/;[^/]*/g, "");

/** How upstreams are known to read a path. */
const READERS: Readonly<Record<string, (path: string) => string>> = {
  "as it stands": (path) => path,
  "as browsers do": (path) => new URL(`http://app.example${path.replaceAll("?", "%3f")}`).pathname,
  "slashes merged": merged,
  "decoded, as nginx does": (path) => merged(unescaped(path)),
  "decoded, turned slashes too": (path) => merged(unescaped(path).replaceAll("\\", "/")),
  "without parameters, as Java does": (path) => merged(unescaped(withoutParameters(path))),
  "decoded, then without parameters": (path) => merged(withoutParameters(unescaped(path).replaceAll("\\", "/"))),
  "decoded, then read anew": (path) => merged(unescaped(path).replace(/[?#].*$/s, "")),
  "decoded, then read anew, then without parameters": (path) =>
    merged(withoutParameters(unescaped(path).replace(/[?#].*$/s, ""))),
};

const PIECES =
  "/ // /. /.. /../ %2e %2E%2e %2f %5c \\ ; ;a=b %3b %00 %0a % %4 %zz %25 %252f %3f %23 ? # * @ : . .. admin files list u 12 %61 %c0%af http://".split(
    " ",
  );

function changed(target: string, all: readonly Buffer[], random: SimRandom): string {
  if (random.chance(0.1)) return changedBytes(Buffer.from(target, "latin1"), all, random).toString("latin1");
  let out = target;
  for (let changes = random.chance(0.5) ? 1 : 1 + random.below(3); changes > 0; changes--) {
    const at = random.below(out.length + 1);
    out = out.slice(0, at) + random.pick(PIECES) + out.slice(at + random.below(3));
  }
  return out;
}

/** The target that is sent on; undefined: refused. */
function parse(head: Buffer, cut: number): string | undefined | "more" {
  const reader = new HeadReader(LIMITS.proxy);
  let end = reader.take(Buffer.from(head.subarray(0, cut)), 0, cut);
  const rest = Buffer.from(head.subarray(cut));
  if (end < 0 && reader.refusal === undefined) end = reader.take(rest, 0, rest.length);
  if (reader.refusal !== undefined) return undefined;
  if (end < 0) return "more";
  const parsed = parseRequestHead(reader, LIMITS.proxy);
  return parsed instanceof Refusal ? undefined : `${parsed.method} ${parsed.target}`;
}

test(`${CASES} targets changed at random, seed ${FUZZ_SEED}`, (t) => {
  const random = createSimRandom(FUZZ_SEED);
  const corpus = targetCorpus.filter(({ target }) => target.length < 500);
  const taken = corpus.filter(({ says }) => typeof says === "object" && says.route !== "all");
  const all = corpus.map(({ target }) => Buffer.from(target, "latin1"));
  const counts = new Map<string, number>();
  for (let n = 0; n < CASES; n++) {
    const { target: before, method } = random.pick(random.chance(0.6) ? taken : corpus);
    const target = changed(before, all, random);
    const head = Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: app.example\r\n\r\n`, "latin1");
    const whole = parse(head, head.length);
    const what = JSON.stringify(target);
    // A head that has ended early has something behind it.
    if (!target.includes("\r\n\r\n")) equal(parse(head, random.below(head.length)), whole, what);
    const sent = whole?.slice(whole.indexOf(" ") + 1);
    const asked = { method, host: "app.example", target: sent ?? "/", lines: "" };
    const found = table.find(asked);
    const kind = sent === undefined ? "refused" : found instanceof Refusal ? "ambiguous" : (found?.id ?? "none");
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    if (sent === undefined || found instanceof Refusal) continue;
    ok(sent === "*" || sent.startsWith("/"), what);
    const path = sent === "*" ? "/" : (sent.split("?", 1)[0] as string);
    const read = Object.entries(READERS).map(([reader, of]) => [reader, routeOf(of(path))]);
    deepEqual(
      read,
      Object.keys(READERS).map((reader) => [reader, found?.id]),
      what,
    );
  }
  t.diagnostic(`fuzz ${CASES} cases: ${JSON.stringify([...counts])}`);
  for (const kind of ["refused", "ambiguous", "all", "admin"]) ok((counts.get(kind) ?? 0) > CASES / 20, kind);
});
