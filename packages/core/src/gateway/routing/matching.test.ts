import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Condition, RouteMatch } from "../../domain/route-match.ts";
import { Refusal } from "../http1/grammar.ts";
import type { TableEntry, Upstream } from "../table.ts";
import { type Asked, Facts } from "./asked.ts";
import { compileTable, type RouteTable } from "./route-table.ts";

/** Of the full tier so many that 100,000 URLs are asked. */
const RUNS = process.env["SKERRY_TEST_TIER"] === "full" ? 10_000 : 600;
const ASKED = 12;
const upstream: Upstream = { backends: [], reach: "any" };

function entry(name: string, host: string, path: string, match?: RouteMatch): TableEntry {
  return { id: name, name, host, path, upstream, ...(match === undefined ? {} : { match }) };
}

function ask(target: string, more: Partial<Asked> = {}): Asked {
  return { host: "h", method: "GET", lines: "", target, ...more };
}

function nameOf(table: RouteTable, asked: Asked): string | undefined {
  const found = table.find(asked);
  return found instanceof Refusal ? `refused ${found.id}` : found?.name;
}

const exact = (name: string, value: string): Condition => ({ name, type: "exact", value });

test("an exact path comes before a pattern, a pattern before a prefix, and a longer one first", () => {
  const table = compileTable([
    entry("root", "h", "/"),
    entry("api", "h", "/api"),
    entry("exact", "h", "/api", { path: "exact" }),
    entry("slash", "h", "/api/", { path: "exact" }),
    entry("versions", "h", "^/api/v\\d+/", { path: "regex" }),
    entry("users", "h", "^/api/v\\d+/users$", { path: "regex" }),
    entry("pictures", "h", "\\.(jpg|png)$", { path: "regex" }),
    entry("deep", "h", "/api/v1/x/y"),
  ]);
  for (const [target, name] of [
    ["/", "root"],
    ["/api", "exact"],
    ["/api?x=1", "exact"],
    ["/api/", "slash"],
    ["/api/x", "api"],
    ["/apix", "root"],
    ["/api/v2/x", "versions"],
    ["/api/v2/users", "users"],
    ["/api/v2/users/1", "versions"],
    ["/api/v2/a.png", "versions"],
    ["/a.png", "pictures"],
    ["/a.png?x=.gif", "pictures"],
    ["/a.gif?x=.png", "root"],
    ["/api/v1/x/y", "versions"],
    ["*", "root"],
    ["/api/%76%31/users", "refused invalid"],
    ["/%61pi", "refused invalid"],
    ["/api//", "refused invalid"],
    ["/a%2epng", "refused invalid"],
    ["/a.png;x", "refused invalid"],
    ["/b%20c", "root"],
  ] as const) {
    equal(nameOf(table, ask(target)), name, target);
  }
});

test("a route that asks for more comes first, and what it does not take goes on to others", () => {
  const table = compileTable([
    entry("root", "h", "/"),
    entry("api", "h", "/api"),
    entry("post", "h", "/api", { methods: ["POST", "PUT"] }),
    entry("v2", "h", "/api", { headers: [exact("x-api-version", "v2")] }),
    entry("v2-beta", "h", "/api", { headers: [exact("x-api-version", "v2")], cookies: [exact("beta", "1")] }),
    entry("v3", "h", "/api", { headers: [{ name: "x-api-version", type: "regex", value: "^v[3-9]$" }] }),
    entry("debug", "h", "/api", { query: [{ name: "debug", type: "present" }] }),
    entry("only-post", "h", "/api/new", { methods: ["POST"], path: "exact" }),
    entry("anonymous", "h", "/me", { cookies: [{ name: "session", type: "absent" }] }),
  ]);
  for (const [name, target, lines = "", method = "GET"] of [
    ["api", "/api"],
    ["post", "/api", "", "POST"],
    ["post", "/api", "X-API-Version: v2\r\n", "PUT"],
    ["v2", "/api/x", "Accept: */*\r\nX-API-Version: v2\r\n"],
    ["v2", "/api/x", "x-api-version:   v2\t\r\nCookie: beta=2\r\n"],
    ["v2-beta", "/api/x", "x-api-version:v2\r\nCookie: a=b; beta=1\r\n"],
    ["v2-beta", "/api/x", "Cookie: a=b\r\nx-api-version:v2\r\ncookie: beta=1; beta=2\r\n"],
    // As one value: who reads only one of them is not led astray.
    ["api", "/api/x", "X-API-Version: v2\r\nX-API-Version: v2\r\n"],
    ["api", "/api/x", "X-API-Version: v22\r\nNot-X-API-Version: v2\r\n"],
    ["v3", "/api/x", "X-Api-Version: v4\r\n"],
    ["debug", "/api/x?debug"],
    ["debug", "/api/x?a=b&%64ebug=0"],
    ["api", "/api/x?nodebug=1&a=debug"],
    ["only-post", "/api/new", "", "POST"],
    ["api", "/api/new"],
    ["anonymous", "/me", "Cookie: a=session\r\n"],
    ["root", "/me", "Cookie: session=\r\n"],
  ] as const) {
    equal(nameOf(table, ask(target, { lines, method })), name, `${method} ${target} ${lines}`);
  }
});

test("two that are alike in all else are told apart by their names, whatever came first", () => {
  const a = entry("a", "h", "/", { headers: [exact("x", "1")] });
  const b = entry("b", "h", "/", { headers: [exact("y", "1")] });
  const lines = "y: 1\r\nx: 1\r\n";
  equal(nameOf(compileTable([a, b]), ask("/", { lines })), "a");
  equal(nameOf(compileTable([b, a]), ask("/", { lines })), "a");
  equal(nameOf(compileTable([b]).with([a], []), ask("/", { lines })), "a");
  equal(nameOf(compileTable([a, b]).with([], ["a"]), ask("/", { lines })), "b");
});

/** Each route looked at, one after another: what the table must agree with. */
function oracle(entries: readonly TableEntry[], asked: Asked): string | undefined {
  const { host, method } = asked;
  const [path = "", query = ""] = asked.target.split("?");
  const hosts = entries.map((one) => one.host);
  const winner = hosts.includes(host)
    ? host
    : hosts
        .filter((one) => one.startsWith("*.") && host.endsWith(one.slice(1)) && host.length >= one.length)
        .toSorted((one, other) => other.length - one.length)[0];
  const facts = {
    headers: asked.lines
      .split("\r\n")
      .flatMap((line) => (line === "" ? [] : [[line.split(": ")[0]?.toLowerCase(), line.split(": ")[1]] as const])),
    query: [...new URLSearchParams(query)],
    cookies: [...asked.lines.matchAll(/cookie: (.*)/gi)].flatMap(([, all]) =>
      (all ?? "").split("; ").map((one) => one.split("=") as [string, string]),
    ),
  };
  const holds = (place: keyof typeof facts, { name, type, value = "" }: Condition): boolean => {
    const values = facts[place].filter(([one]) => one === name).map(([, one]) => one ?? "");
    const found = place === "headers" && values.length > 0 ? values.join(", ") : values[0];
    if (type === "absent") return found === undefined;
    if (found === undefined || type === "present") return found !== undefined;
    return type === "exact" ? found === value : new RegExp(value).test(found);
  };
  const takes = ({ path: own, match = {} }: TableEntry): boolean => {
    const prefix = own.replace(/\/$/, "");
    const isPath =
      match.path === "exact"
        ? path === own
        : match.path === "regex"
          ? new RegExp(own).test(path)
          : path === prefix || path.startsWith(`${prefix}/`);
    if (!isPath || !(match.methods?.includes(method) ?? true)) return false;
    return (["headers", "query", "cookies"] as const).every((place) =>
      (match[place] ?? []).every((one) => holds(place, one)),
    );
  };
  const score = ({ path: own, match = {} }: TableEntry): number[] => {
    const all = [match.headers ?? [], match.query ?? [], match.cookies ?? []];
    const kind = match.path === "exact" ? 2 : match.path === "regex" ? 1 : 0;
    const plain =
      kind === 1
        ? (/^\^([/a-z]*)(?![*+?])/.exec(own.replaceAll("\\", ""))?.[1]?.length ?? 0)
        : own.replace(/\/$/, "").length;
    const exactOnes = all.flat().filter(({ type }) => type === "exact").length;
    return [
      kind,
      plain,
      kind === 1 ? own.length : 0,
      match.methods === undefined ? 0 : 1,
      ...all.map(({ length }) => length),
      exactOnes,
    ];
  };
  const compare = (one: TableEntry, other: TableEntry): number => {
    const [a, b] = [score(one), score(other)];
    const at = a.findIndex((value, index) => value !== b[index]);
    // Two patterns of the same length, in the order of their texts; then the names.
    if (at >= 3 || at < 0)
      if (one.match?.path === "regex" && one.path !== other.path) return one.path < other.path ? -1 : 1;
    if (at >= 0) return (b[at] as number) - (a[at] as number);
    return (one.name as string) < (other.name as string) ? -1 : 1;
  };
  return entries.filter((one) => one.host === winner && takes(one)).toSorted(compare)[0]?.name;
}

const PATTERNS = [
  "^/a",
  "^/a/",
  "b$",
  "^/(a|b)/?$",
  "^/[ab]+/x",
  "^/ab/.*",
  "x",
  "^/ab/x$",
  "^/.b",
  "^/a(^b|x|$)",
  "^/a[^b]",
  "^/a\\/b",
  "^/ab?",
];
const segments = (max: number) =>
  fc.array(fc.constantFrom("a", "b", "ab", "x"), { maxLength: max }).map((parts) => `/${parts.join("/")}`);
const host = fc.constantFrom("h", "a.h", "b.a.h");
const hostPattern = fc.constantFrom("h", "a.h", "*.h", "*.a.h");
const condition = fc.tuple(
  fc.constantFrom("x", "y", "z"),
  fc.constantFrom<Condition["type"]>("exact", "exact", "exact", "regex", "present", "absent"),
  fc.constantFrom("1", "2", "^[12]$"),
);
const some = fc.uniqueArray(condition, { maxLength: 2, selector: ([name]) => name }).map((all) =>
  all.map(([name, type, value]): Condition => {
    if (type === "present" || type === "absent") return { name, type };
    return { name, type, value: type === "exact" ? value.replace("^[12]$", "1") : value };
  }),
);
const conditions = fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, some);
const methods = fc.uniqueArray(fc.constantFrom("GET", "POST", "PUT"), { maxLength: 2 });
const match = fc
  .record({ methods, headers: conditions, query: conditions, cookies: conditions })
  .map((all): RouteMatch => Object.fromEntries(Object.entries(all).filter(([, { length }]) => length > 0)));
const place = fc.oneof(
  segments(2).map((path) => ({ path })),
  segments(2).map((path) => ({ path, kind: "exact" as const })),
  fc.constantFrom(...PATTERNS).map((path) => ({ path, kind: "regex" as const })),
);
const routes = fc.uniqueArray(
  fc.tuple(fc.integer({ min: 0, max: 60 }), hostPattern, place, fc.option(match, { freq: 2 })),
  {
    minLength: 8,
    maxLength: 40,
    selector: ([id]) => id,
  },
);
const pairs = fc.array(fc.tuple(fc.constantFrom("x", "y", "z"), fc.constantFrom("1", "2", "3")), { maxLength: 3 });
const asked = fc
  .record({
    host,
    path: segments(3),
    method: fc.constantFrom("GET", "POST", "PATCH"),
    headers: pairs,
    query: pairs,
    cookies: pairs,
  })
  .map(({ path, headers, query, cookies, ...rest }): Asked => {
    const asText = cookies.map((one) => one.join("=")).join("; ");
    const lines = [
      ...headers.map(([name, value]) => `${name.toUpperCase()}: ${value}`),
      ...(asText === "" ? [] : [`Cookie: ${asText}`]),
    ];
    const search = query.map((one) => one.join("=")).join("&");
    return {
      ...rest,
      target: search === "" ? path : `${path}?${search}`,
      lines: lines.map((line) => `${line}\r\n`).join(""),
    };
  });
const make = (
  list: readonly [number, string, { path: string; kind?: "exact" | "regex" }, RouteMatch | null][],
): TableEntry[] =>
  list.map(([id, name, { path, kind }, more]) => {
    const whole = { ...more, ...(kind === undefined ? {} : { path: kind }) };
    return entry(`r${id}`, name, path, Object.keys(whole).length === 0 ? undefined : whole);
  });

test("the table agrees with a look at each route, in any order, also after changes", () => {
  const seen = { found: 0, none: 0 };
  fc.assert(
    fc.property(
      routes,
      routes,
      fc.array(fc.nat(60)),
      fc.array(asked, { minLength: ASKED, maxLength: ASKED }),
      (first, put, removed, requests) => {
        const before = make(first);
        const changed = make(put);
        const removedIds = removed.map((id) => `r${id}`);
        const ids = new Set(changed.map(({ id }) => id));
        const after = [...before.filter(({ id }) => !removedIds.includes(id) && !ids.has(id)), ...changed];
        const table = compileTable(before);
        const backwards = compileTable(before.toReversed());
        const next = table.with(changed, removedIds);
        equal(next.size, after.length);
        for (const one of requests) {
          const expected = oracle(before, one);
          equal(nameOf(table, one), expected, JSON.stringify(one));
          equal(nameOf(backwards, one), expected, JSON.stringify(one));
          equal(nameOf(next, one), oracle(after, one), `after: ${JSON.stringify(one)}`);
          if (expected === undefined) seen.none++;
          else seen.found++;
        }
      },
    ),
    { numRuns: RUNS },
  );
  ok(seen.found > RUNS && seen.none > RUNS, JSON.stringify(seen));
});

test("many routes of one path that differ in a header, a method, a cookie are told apart", () => {
  const many = Array.from({ length: 3000 }, (_, at) => {
    const headers = [exact("x-tenant", `t${at % 1000}`), ...(at % 3 === 0 ? [exact(`x-${at}`, "1")] : [])];
    return entry(`r${at}`, "h", "/", { headers, methods: [["GET", "POST", "PUT"][at % 3] as string] });
  });
  const table = compileTable(many);
  for (const at of [0, 1, 2, 999, 1500, 2997]) {
    const method = ["GET", "POST", "PUT"][at % 3] as string;
    const lines = `X-Tenant: t${at % 1000}\r\nx-${at}: 1\r\n`;
    equal(nameOf(table, ask("/", { method, lines })), oracle(many, ask("/", { method, lines })), `${at}`);
  }
  const byName = Array.from({ length: 2000 }, (_, at) =>
    entry(`n${at}`, "h", "/", { cookies: [exact(`c${at}`, "1")], query: [{ name: `q${at % 50}`, type: "present" }] }),
  );
  equal(nameOf(compileTable(byName), ask("/?q7=x", { lines: "Cookie: c1006=1; c1007=1\r\n" })), "n1007");
});

test("what is found by name is what stands among all, whatever a client sends", () => {
  const text = fc
    .array(fc.constantFrom("a", "b", "=", "&", ";", " ", "%61", "+", "%", "%zz", "%2b", "\t", "\xe9"), {
      maxLength: 12,
    })
    .map((all) => all.join(""));
  fc.assert(
    fc.property(text, text, text, (query, one, other) => {
      const facts = new Facts().begin(
        ask(`/?${query}`, { lines: `Cookie: ${one}\r\nA:${other}\r\nCOOKIE:${other}\r\na: ${one}\r\n` }),
      );
      for (const at of ["headers", "query", "cookies"] as const) {
        const all = facts.all(at);
        for (const name of ["a", "b", "aa", "a b", "%", "%zz", "+", "", "cookie", ...all.keys()]) {
          if (at === "cookies" && !/^[a-z%+]+$/.test(name)) continue;
          if (name !== "")
            equal(facts.value(at, name), all.get(name), `${at} ${name} of ${JSON.stringify([query, one, other])}`);
        }
      }
    }),
    { numRuns: RUNS },
  );
});
