import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Refusal } from "../http1/grammar.ts";
import type { TableEntry, Upstream } from "../table.ts";
import { hashed, hashHost } from "./nodes.ts";
import { compileTable, type RouteTable } from "./route-table.ts";

const upstream: Upstream = { backends: [], reach: "any" };

function entry(id: string, host: string, path: string): TableEntry {
  return { id, host, path, upstream };
}

function idOf(table: RouteTable, host: string, path: string): string | undefined {
  const found = table.find({ host, target: path, method: "GET", lines: "" });
  return found instanceof Refusal ? `refused ${found.id}` : found?.id;
}

const table = compileTable([
  entry("root", "app.example", "/"),
  entry("api", "app.example", "/api"),
  entry("v2", "app.example", "/api/v2"),
  entry("apis", "app.example", "/apis/"),
  entry("only", "part.example", "/only"),
  entry("wild", "*.example", "/"),
  entry("deep", "*.deep.example", "/"),
]);

for (const [host, path, id] of [
  ["app.example", "/", "root"],
  ["app.example", "/api", "api"],
  ["app.example", "/api/", "api"],
  ["app.example", "/api/x", "api"],
  ["app.example", "/apix", "root"],
  ["app.example", "/apis", "apis"],
  ["app.example", "/apis/x", "apis"],
  ["app.example", "/api/v2", "v2"],
  ["app.example", "/api/v2/y", "v2"],
  ["app.example", "/api/v20", "api"],
  ["app.example", "/API", "root"],
  ["part.example", "/only/x", "only"],
  ["part.example", "/else", undefined],
  ["a.example", "/", "wild"],
  ["a.b.example", "/", "wild"],
  ["x.deep.example", "/", "deep"],
  ["x.y.deep.example", "/", "deep"],
  ["deep.example", "/", "wild"],
  ["example", "/", undefined],
  ["other.test", "/", undefined],
  ["*.example", "/", "wild"],
] as const) {
  test(`${host}${path} takes ${id}`, () => equal(idOf(table, host, path), id));
}

test("what an upstream may read as another route's path is refused", () => {
  for (const path of [
    "/%61pi",
    "/x/%2e%2e/api",
    "//api",
    "/%2fapi",
    "/\\api",
    "/x%2f..%2fapi",
    "/api%2fv2/x",
    "/api;v=1/x",
    "/api;",
  ]) {
    equal(idOf(table, "app.example", path), "refused invalid", path);
  }
});

test("dot segments and broken encodings are refused wherever they lead", () => {
  for (const path of ["/..", "/.", "/a/../b", "/a/./b", "/a/..", "/%2e%2e/x", "/.%2E/x", "/a/..;x/b", "/\\..\\x"]) {
    equal(idOf(table, "a.example", path), "refused invalid", path);
  }
  for (const path of ["/%", "/%2", "/%zz", "/a%0", "/%00", "/%%41", "/% 1"]) {
    equal(idOf(table, "a.example", path), "refused invalid", path);
  }
});

test("odd paths that lead to one route only are taken", () => {
  for (const path of ["/a%2fb", "/a//b", "//", "/.well-known/x", "/..x", "/a%20b", "/%E4%BD%A0", "/%252e%252e/"]) {
    equal(idOf(table, "a.example", path), "wild", path);
  }
  equal(idOf(table, "app.example", "/api/a%2fb//c"), "api");
});

test("a change shares the hosts that it does not touch, and leaves the old table alone", () => {
  const next = table.with(
    [entry("api", "app.example", "/moved"), entry("new", "new.example", "/")],
    ["deep", "absent"],
  );
  equal(idOf(next, "app.example", "/api/x"), "root");
  equal(idOf(next, "app.example", "/moved"), "api");
  equal(idOf(next, "new.example", "/"), "new");
  equal(idOf(next, "x.deep.example", "/"), "wild");
  equal(idOf(table, "app.example", "/api/x"), "api");
  equal(idOf(table, "x.deep.example", "/"), "deep");
  equal(next.size, table.size);
});

test("a route that moves to another host leaves the first", () => {
  const next = table.with([entry("only", "else.example", "/only")], []);
  equal(idOf(next, "part.example", "/only"), "wild");
  equal(idOf(next, "else.example", "/only"), "only");
});

/** One route after another, each compared: what the table must agree with. */
function oracle(entries: readonly TableEntry[], host: string, path: string): string | undefined {
  const matchesHost = (pattern: string): boolean =>
    pattern === host ||
    (pattern.startsWith("*.") && host.length > pattern.length - 1 && host.endsWith(pattern.slice(1)));
  const hosts = entries.map((one) => one.host).filter(matchesHost);
  const winner = hosts.includes(host) ? host : hosts.toSorted((a, b) => b.length - a.length)[0];
  return entries
    .filter((one) => one.host === winner)
    .map((one) => ({ id: one.id, prefix: one.path.replace(/\/$/, "") }))
    .filter(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`))
    .toSorted((a, b) => b.prefix.length - a.prefix.length || (a.id < b.id ? -1 : 1))[0]?.id;
}

const label = fc.constantFrom("a", "b", "ab");
const host = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join("."));
const path = fc
  .array(fc.constantFrom("a", "b", "ab", "abc", "x"), { maxLength: 4 })
  .map((parts) => `/${parts.join("/")}`);
const pattern = fc.oneof(
  host,
  host.map((name) => `*.${name}`),
);
const entries = fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 30 }), pattern, path), { selector: ([id]) => id });

test("the table agrees with a linear search, also after changes", () => {
  fc.assert(
    fc.property(
      entries,
      entries,
      fc.array(fc.nat(30)),
      fc.array(fc.tuple(host, path)),
      (first, put, removed, asked) => {
        const make = (list: typeof first) => list.map(([id, name, prefix]) => entry(`r${id}`, name, prefix));
        const before = make(first);
        const removedIds = removed.map((id) => `r${id}`);
        const putIds = new Set(put.map(([id]) => `r${id}`));
        const after = [...before.filter(({ id }) => !removedIds.includes(id) && !putIds.has(id)), ...make(put)];
        const old = compileTable(before);
        const next = old.with(make(put), removedIds);
        equal(next.size, after.length);
        for (const [name, at] of asked) {
          equal(idOf(old, name, at), oracle(before, name, at), `${name}${at}`);
          equal(idOf(next, name, at), oracle(after, name, at), `${name}${at}`);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("after many changes, one at a time, the table is as one made of what is left", () => {
  const step = fc.tuple(fc.nat(30), fc.option(fc.tuple(pattern, path), { freq: 3 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.array(fc.tuple(host, path), { minLength: 5 }), (steps, asked) => {
      const left = new Map<string, TableEntry>();
      let changed = compileTable([]);
      for (const [id, put] of steps) {
        const one = put === null ? undefined : entry(`r${id}`, ...put);
        changed = changed.with(one === undefined ? [] : [one], one === undefined ? [`r${id}`] : []);
        left.delete(`r${id}`);
        if (one !== undefined) left.set(one.id, one);
        const [name, at] = asked[left.size % asked.length] as [string, string];
        equal(idOf(changed, name, at), oracle([...left.values()], name, at), `${name}${at}`);
      }
      equal(changed.size, left.size);
      for (const [name, at] of asked)
        equal(idOf(changed, name, at), oracle([...left.values()], name, at), `${name}${at}`);
    }),
    { numRuns: 300 },
  );
});

test("hosts and paths of the same hash are told apart", () => {
  const [one, two] = alike((at) => `h${at.toString(36)}`, hashHost);
  const [first, second] = [entry("a", one, "/"), entry("b", two, "/x")];
  equal(idOf(compileTable([first]), two, "/"), undefined);
  const both = compileTable([first, second]);
  equal(idOf(both, one, "/x"), "a");
  equal(idOf(both, two, "/x"), "b");
  equal(idOf(both, two, "/"), undefined);
  equal(idOf(both.with([], ["a"]), one, "/"), undefined);
  equal(idOf(both.with([], ["a"]), two, "/x/y"), "b");
});

/** The first two of these texts with the same hash. */
function alike(textAt: (at: number) => string, hash: (text: string) => number): [string, string] {
  const seen = new Map<number, string>();
  for (let at = 0; ; at++) {
    const text = textAt(at);
    const before = seen.get(hash(text));
    if (before !== undefined) return [before, text];
    seen.set(hash(text), text);
  }
}

test("whatever is taken is read by the most generous reader as the same route's", () => {
  const piece = fc.constantFrom(
    ...["a", "%61", "b", "/", "//", "%2f", "\\", "%5c", ".", "%2e", "..", "x", "%41", "%", ";", "%3b"],
  );
  const routes = [entry("root", "h", "/"), entry("a", "h", "/a"), entry("ab", "h", "/a/b")];
  const small = compileTable(routes);
  const seen = { taken: 0, refused: 0 };
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
      const asked = `/${pieces.join("")}`;
      const id = idOf(small, "h", asked);
      if (id?.startsWith("refused")) seen.refused++;
      else {
        seen.taken++;
        // Read by Node's own URL parser, which resolves dot segments and turns backslashes.
        const decoded = asked.replace(/%([0-9a-f]{2})/gi, (_, digits) =>
          String.fromCharCode(Number.parseInt(digits, 16)),
        );
        const url = new URL(`http://h/${decoded.replace(/^[/\\]+/, "")}`);
        equal(id, oracle(routes, "h", url.pathname.replace(/\/{2,}/g, "/")), asked);
      }
    }),
    { numRuns: 3000 },
  );
  ok(seen.taken > 50 && seen.refused > 50, JSON.stringify(seen));
});

test("who knows how paths are hashed, but not the secret, makes none fall together", () => {
  const step = (state: number, text: string, next: (state: number, code: number) => number) =>
    [...text].reduce((at, letter) => next(at, letter.charCodeAt(0)), state);
  const fnv = (state: number, code: number) => Math.imul(state ^ code, 0x01000193);
  const folded = (state: number, code: number) => fnv(state, code) ^ (fnv(state, code) >>> 15);
  for (const [begin, next] of [
    [0x811c9dc5, fnv],
    [0, folded],
  ] as const) {
    const pairs: (readonly [string, string])[] = [];
    for (let level = 0, state = step(begin, "a.example", next); level < 4; level++) {
      const pair = alike(
        (at) => `/${(at * 7919 + 13).toString(36)}`,
        (text) => step(state, text, next),
      );
      pairs.push(pair);
      state = step(state, pair[0], next);
    }
    let states = [hashHost("a.example")];
    for (const pair of pairs) states = states.flatMap((state) => pair.map((text) => step(state, text, hashed)));
    // Two may by chance.
    ok(new Set(states).size > states.length - 3, `${new Set(states).size} of ${states.length}`);
  }
});
