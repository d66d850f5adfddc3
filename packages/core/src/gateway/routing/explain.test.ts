import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import type { Condition, RouteMatch } from "../../domain/route-match.ts";
import { Refusal } from "../http1/grammar.ts";
import type { TableEntry } from "../table.ts";
import type { Asked } from "./asked.ts";
import { compareRoutes } from "./candidate.ts";
import { askedFor, type Explanation, explain } from "./explain.ts";
import { compileTable } from "./route-table.ts";

const upstream = { backends: [], reach: "any" } as const;
function entry(name: string, host: string, path: string, match?: RouteMatch, project = "mia"): TableEntry {
  return { id: `${project}-${name}`, name, project, host, path, upstream, ...(match === undefined ? {} : { match }) };
}
const exact = (name: string, value: string): Condition => ({ name, type: "exact", value });

const ENTRIES = [
  entry("root", "app.example", "/"),
  entry("api", "app.example", "/api"),
  entry("v2", "app.example", "/api", { headers: [exact("x-api", "v2")] }),
  entry("post", "app.example", "/api", { methods: ["POST"] }),
  entry("users", "app.example", "^/api/v\\d+/users", { path: "regex" }),
  entry("icon", "app.example", "/favicon.ico", { path: "exact" }),
  entry("wild", "*.example", "/", undefined, "zoe"),
];

function asked(url: string, lines = "", method = "GET"): Asked {
  const [host = "", ...rest] = url.split("/");
  const head = askedFor(method, host, `/${rest.join("/")}`, lines);
  ok(!(head instanceof Refusal), `${url} is refused`);
  return head;
}

/** One line for each step: `* route v2: ...`. */
function told({ steps, entry: found, refused, rule }: Explanation): string[] {
  const marks = { wins: "*", no: "-", note: " " };
  const lines = steps.map(({ verdict, about, name, why }) => `${marks[verdict]} ${about} ${name ?? ""}: ${why}`);
  return [...lines, refused?.message ?? `${found?.name}: ${rule}`];
}

test("a wildcard below which another project has claimed the name is not asked, and who may not read that is not told whose", () => {
  deepEqual(told(explain(ENTRIES, asked("x.app.example/"), ({ project }) => project === "zoe")), [
    "- host x.app.example: no route leads from this name itself",
    "- host *.example: 1 route; another project has claimed a nearer name",
    "undefined: undefined",
  ]);
});

test("each step says what it was about, and why it did not win", () => {
  deepEqual(told(explain(ENTRIES, asked("app.example/api?x=1", "X-Api: v1\r\n"), () => true)), [
    "* host app.example: 6 routes; it alone decides about the rest",
    "- host *.example: 1 route; app.example is nearer",
    "- route post: it takes POST, not GET",
    '- route v2: the header x-api is "v1", not "v2"',
    "* route api: longest prefix",
    "- route root: it would take it too; api comes first: its path is longer",
    "  route : 2 more of the host take other paths",
    "api: longest prefix",
  ]);
  const why = (url: string, lines: string, method: string) =>
    told(explain(ENTRIES, asked(url, lines, method), () => true)).filter((line) => line.includes("comes first"));
  deepEqual(why("app.example/api", "X-Api: v2\r\n", "POST"), [
    "- route v2: it would take it too; post comes first: it asks for a method",
    "- route api: it would take it too; post comes first: it asks for a method",
    "- route root: it would take it too; post comes first: its path is longer",
  ]);
  equal(
    why("app.example/api", "X-Api: v2\r\n", "GET")[0],
    "- route api: it would take it too; v2 comes first: it asks for more headers",
  );
  equal(
    why("app.example/api/v1/users", "", "GET")[0],
    "- route api: it would take it too; users comes first: a pattern comes before a prefix",
  );
  equal(
    why("app.example/favicon.ico", "", "GET")[0],
    "- route root: it would take it too; icon comes first: its path is exact",
  );
  deepEqual(told(explain(ENTRIES, asked("x.example/favicon.ico"), () => true)), [
    "- host x.example: no route leads from this name itself",
    "* host *.example: 1 route; it alone decides about the rest",
    "* route wild: all paths",
    "wild: all paths",
  ]);
  const refused = told(explain(ENTRIES, asked("app.example/%61pi"), () => true));
  equal(refused[2], "- path /%61pi: others may read it as /api, which another route takes");
  ok(refused.at(-1)?.startsWith("The path can be read in more than one way"));
  ok(told(explain(ENTRIES, asked("app.example/api/..%2f"), () => true))[2]?.includes("dot segments"));
  ok(told(explain(ENTRIES, asked("app.example/x%20y"), () => true))[2]?.includes("that takes the same route"));
});

test("what may not be read is not there, whoever wins", () => {
  const ofMia = ({ project }: TableEntry) => project === "mia";
  const all = JSON.stringify([
    explain(ENTRIES, asked("app.example/api"), ofMia),
    explain(ENTRIES, asked("x.example/api"), ofMia),
    explain(ENTRIES, asked("app.example/api"), () => false),
  ]);
  for (const hidden of ["wild", "zoe", "*.example"]) ok(!all.includes(hidden), `${hidden} is told: ${all}`);
  // Nor by how it reads a path that others may read as another one.
  for (const path of ["/%61pi", "//api", "/x/..%2fapi", "/api;x", "/favicon%2eico", "/%zz", "/x%20y"]) {
    const request = asked(`app.example${path}`);
    deepEqual(
      explain(ENTRIES, request, () => false),
      explain([], request, () => false),
      path,
    );
  }
  // Somebody else's route takes it: as if there was none.
  deepEqual(explain(ENTRIES, asked("x.example/"), ofMia), explain(ENTRIES.slice(0, -1), asked("x.example/"), ofMia));
});

test("the first in the order of all that misses nothing is the one that the table takes", () => {
  const paths = ["/", "/api", "/api/", "/api/v1/users", "/favicon.ico", "/favicon.ico/x", "/apix"];
  let wins = 0;
  for (const path of paths) {
    for (const method of ["GET", "POST"]) {
      for (const lines of ["", "X-Api: v2\r\n"]) {
        const request = asked(`app.example${path}`, lines, method);
        const { steps, entry: found } = explain(ENTRIES, request, () => true);
        equal(found, compileTable(ENTRIES).find(request));
        const takes = steps.filter(
          ({ about, verdict, why }) => about === "route" && (verdict === "wins" || why.startsWith("it would")),
        );
        equal(takes[0]?.name, found?.name, path);
        equal(takes[0]?.verdict, "wins");
        wins++;
      }
    }
  }
  equal(wins, 28);
  const sorted = ENTRIES.slice(0, 6).toSorted(compareRoutes);
  deepEqual(
    sorted.map(({ name }) => name),
    ["icon", "users", "post", "v2", "api", "root"],
  );
});

test("what the gateway would not read is said to be so", () => {
  for (const [method, host, target] of [
    ["GET", "a b", "/"],
    ["G(T", "a.example", "/"],
    ["CONNECT", "a.example", "/"],
    ["GET", "a.example", `/${"x".repeat(9000)}`],
  ] as const) {
    ok(askedFor(method, host, target, "") instanceof Refusal, `${method} ${host}`);
  }
  ok(askedFor("GET", "a.example", "/", "Content-Length: 1\r\nContent-Length: 2\r\n") instanceof Refusal);
});
