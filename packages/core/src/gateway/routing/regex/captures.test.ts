import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isError } from "../../../domain/errors.ts";
import { LIMITS } from "../../../domain/limits.ts";
import { Captures } from "./captures.ts";

const RUNS = process.env["SKERRY_TEST_TIER"] === "full" ? 15_000 : 1500;
const LONG = LIMITS.proxy.maxTargetBytes;
const { maxCaptureNodes } = LIMITS.actions;

function expected(source: string, text: string): number[] | undefined {
  const found = new RegExp(source, "d").exec(text);
  return found?.indices?.flatMap((range) => range ?? [-1, -1]);
}

const atom = fc.constantFrom("a", "b", "/", "1", ".", "\\d", "[ab]", "[^/]", "\\w");
const times = fc.constantFrom("", "", "", "*", "+", "?", "{2}", "{1,2}", "{0}", "{2,}", "*?", "+?", "??", "{1,3}?");
const { pattern } = fc.letrec<{ pattern: string; all: string; group: string }>((tie) => ({
  pattern: fc.array(tie("all"), { minLength: 1, maxLength: 3 }).map((options) => options.join("|")),
  all: fc
    .array(
      fc.oneof(
        { weight: 6, arbitrary: fc.tuple(tie("group"), times).map((both) => both.join("")) },
        fc.constantFrom("^", "$"),
      ),
      { maxLength: 4 },
    )
    .map((parts) => parts.join("")),
  group: fc.oneof(
    { maxDepth: 3, depthIdentifier: "group" },
    { weight: 2, arbitrary: atom },
    { weight: 2, arbitrary: tie("pattern").map((inner) => `(${inner})`) },
    tie("pattern").map((inner) => `(?:${inner})`),
  ),
}));
const text = fc.array(fc.constantFrom("a", "b", "c", "/", "1", "-"), { maxLength: 8 }).map((all) => all.join(""));

test("groups are what RegExp says, with one look at each node for each character", () => {
  const seen = { taken: 0, groups: 0 };
  fc.assert(
    fc.property(
      pattern.filter(({ length }) => length <= 40),
      fc.array(text, { minLength: 1, maxLength: 6 }),
      (source, texts) => {
        let captures: Captures;
        try {
          captures = new Captures(source);
        } catch (error) {
          ok(isError(error, "invalid"), String(error));
          return;
        }
        seen.taken++;
        for (const one of texts) {
          const before = captures.steps;
          const found = captures.exec(one);
          deepEqual(found && [...found], expected(source, one), `/${source}/ in ${JSON.stringify(one)}`);
          ok(captures.steps - before <= 2 * maxCaptureNodes * (one.length + 1));
          if (found?.slice(2).some((place) => place >= 0)) seen.groups++;
        }
      },
    ),
    { numRuns: RUNS },
  );
  ok(seen.taken > RUNS / 3 && seen.groups > RUNS / 25, JSON.stringify(seen));
});

test("patterns and paths that hang others cost no more than nodes times characters", () => {
  for (const [source, unit] of [
    ["^/((a+)+)+$", "a"],
    ["^/(a|a)*$", "a"],
    ["^/(a|aa)+(b?)$", "a"],
    ["((x+)(x+))+y?", "x"],
    ["^/(([a-z]+)*[0-9])*([a-z]*)$", "a"],
    ["(a?){20}(a{20})", "a"],
    ["(.*)/(.*)/?(.*)", "/"],
  ] as const) {
    const captures = new Captures(source);
    const path = `/${unit.repeat(LONG - 2)}!`;
    captures.exec(path);
    captures.exec(path.slice(0, -1));
    ok(captures.steps <= 4 * maxCaptureNodes * LONG, `${source}: ${captures.steps}`);
  }
  throws(() => new Captures("(a{50})(b{50})(c{50})"), /too large/);
  for (const source of ["(a*)*", "()?", "((a|b*)c?)+", "(^a?){1,2}"])
    throws(() => new Captures(source), /repeats a group that may be empty/);
});

test("one machine serves one text after another", () => {
  const captures = new Captures("^/v(\\d+)/(?<name>[^/]*)(/.*)?$");
  equal(captures.groups, 3);
  deepEqual([...(captures.exec("/v12/x/y") ?? [])], [0, 8, 2, 4, 5, 6, 6, 8]);
  equal(captures.exec("/w"), undefined);
  deepEqual([...(captures.exec("/v1/") ?? [])], [0, 4, 2, 3, 4, 4, -1, -1]);
});
