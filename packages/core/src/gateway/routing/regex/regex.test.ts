import { equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import fc from "fast-check";
import { isError, type SkerryError } from "../../../domain/errors.ts";
import { LIMITS } from "../../../domain/limits.ts";
import { FUZZ_SEED, fuzzCases } from "../../../testing/fuzz.ts";
import { Regex } from "./regex.ts";

// RegExp, with which ours is compared, hangs on some patterns: then V8 takes its linear engine.
setFlagsFromString("--enable-experimental-regexp-engine-on-excessive-backtracks");

const RUNS = fuzzCases(1500, 50_000);
const LONG = LIMITS.proxy.maxTargetBytes;

/** A text of which each character that is read is counted. */
function counted(text: string): { text: string; reads: () => number } {
  let reads = 0;
  const fake = { length: text.length, charCodeAt: (at: number) => text.charCodeAt(at + 0 * reads++) };
  return { text: fake as unknown as string, reads: () => reads };
}

const atom = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("a", "b", "/", "1", "%", "-") },
  fc.constantFrom(".", "\\d", "\\w", "\\s", "\\D", "\\W", "\\S", "\\.", "\\/", "\\x61", "\\n"),
  fc.constantFrom("[ab]", "[^a]", "[a-c1]", "[^/]", "[\\d-]", "[^\\w/]", "[-a]", "[.^$|]", "[\\]a]"),
);
const { pattern } = fc.letrec<{ pattern: string; all: string; repeated: string; group: string }>((tie) => ({
  pattern: fc.array(tie("all"), { minLength: 1, maxLength: 3 }).map((options) => options.join("|")),
  all: fc
    .array(fc.oneof({ weight: 5, arbitrary: tie("repeated") }, fc.constantFrom("^", "$")), { maxLength: 4 })
    .map((parts) => parts.join("")),
  repeated: fc
    .tuple(tie("group"), fc.constantFrom("", "", "*", "+", "?", "{2}", "{1,2}", "{0}", "{2,}", "*?", "+?"))
    .map((both) => both.join("")),
  group: fc.oneof(
    { maxDepth: 2, depthIdentifier: "group" },
    { weight: 3, arbitrary: atom },
    tie("pattern").map((inner) => `(${inner})`),
    tie("pattern").map((inner) => `(?:${inner})`),
  ),
}));
const text = fc
  .array(fc.constantFrom("a", "b", "c", "/", "1", "%", "-", ".", "A", "\n", " ", "_", "\xff", "é", "\u4f60"), {
    maxLength: 8,
  })
  .map((all) => all.join(""));

test("what is taken matches as RegExp does, and is one look a character", (t) => {
  const seen = { taken: 0, refused: 0, matched: 0 };
  fc.assert(
    fc.property(
      pattern.filter(({ length }) => length <= 60),
      fc.array(text, { minLength: 1, maxLength: 6 }),
      fc.boolean(),
      (source, texts, ignoresCase) => {
        let regex: Regex;
        try {
          regex = new Regex(ignoresCase ? `(?i)${source}` : source);
        } catch (error) {
          ok(isError(error, "invalid"), String(error));
          seen.refused++;
          // It may be so only for what RegExp never finds, or what is empty.
          const { message } = error as SkerryError;
          ok(/nothing matches|is empty|larger|too large/.test(message), `${source}: ${message}`);
          if (message.includes("nothing matches"))
            for (const one of texts) ok(!new RegExp(source).test(one), `${source} in ${one}`);
          return;
        }
        const oracle = new RegExp(source, ignoresCase ? "i" : "");
        seen.taken++;
        for (const one of texts) {
          const { text: fake, reads } = counted(one);
          const expected = oracle.test(one);
          equal(regex.test(fake), expected, `/${source}/ in ${JSON.stringify(one)}`);
          ok(reads() <= one.length);
          if (expected) seen.matched++;
          if (expected) ok(one.startsWith(regex.literalPrefix), `${source} begins with ${regex.literalPrefix}: ${one}`);
          if (expected) for (let end = 0; end <= one.length; end++) ok(regex.mayBegin(one.slice(0, end)));
        }
      },
    ),
    { numRuns: RUNS, seed: FUZZ_SEED },
  );
  t.diagnostic(`fuzz ${RUNS} cases: ${JSON.stringify(seen)}`);
  ok(seen.taken > RUNS / 2 && seen.matched > RUNS / 2, JSON.stringify(seen));
});

test("patterns that hang others read each character once, or are refused", () => {
  for (const [source, unit] of [
    ["^(a+)+$", "a"],
    ["^(a|a)*$", "a"],
    ["^(a|aa)+$", "a"],
    ["(.*)*x", "a"],
    ["^/(.*a){25}$", "a"],
    ["(x+x+)+y", "x"],
    ["^([a-z]+)*[0-9]$", "a"],
    ["(a?){50}a{50}$", "a"],
    ["^(([a-z])+.)+[A-Z]([a-z])+$", "a"],
    ["\\s*,\\s*$", " "],
  ] as const) {
    const { text: fake, reads } = counted(`/${unit.repeat(LONG - 2)}!`);
    const regex = new Regex(source);
    regex.test(fake);
    ok(reads() <= LONG, source);
    ok(regex.states <= LIMITS.gateway.maxPatternStates);
  }
  for (const source of [
    "[ab]*a[ab]{12}",
    "(.*1.{9}){3}",
    "((a{100}){100}){100}",
    "((((){100}){100}){100}){100}",
    ".*[^/]*a.{60}",
    // Small when it is made, and costly to make.
    `^${"(.?){90}".repeat(5)}$`,
  ]) {
    throws(() => new Regex(source), /too large|larger than a pattern may have/, source);
  }
});

test("what is not taken is named, with its place and why", () => {
  for (const [source, message] of [
    ["", /is empty/],
    ["a".repeat(257), /257 characters, and 256 is the most/],
    ["^/(?=x)", /"\(\?=x" at character 3: it looks ahead/],
    ["(?!x)", /looks ahead/],
    ["(?<=x)", /looks behind/],
    ["(a)\\1", /"\\1" at character 4: it refers back/],
    ["(?<n>a)\\k<n>", /"\\k" at character 8: it refers back/],
    ["\\bx", /edges of words/],
    ["\\p{L}", /"\\p" at character 1/],
    ["\\u0061", /"\\u" at character 1/],
    ["\\q", /"\\q" at character 1: it has no meaning/],
    ["(?m)x", /only flag/],
    ["(?>x)", /no group that is known/],
    ["(a", /"\(" at character 1: it is not closed/],
    ["a)", /"\)" at character 2/],
    ["[a", /"\[" at character 1: it is not closed/],
    ["[]", /no character is in it/],
    ["[b-a]", /ends before it begins/],
    ["[a-\\d]", /both ends/],
    ["[[:alpha:]]", /named classes/],
    ["*a", /nothing before it/],
    ["a|*", /"\*" at character 3/],
    ["a**", /"\*" at character 3: a repetition/],
    ["a*+", /a repetition is not repeated/],
    ["^*", /a place is not repeated/],
    ["a{101}", /100 times is the most/],
    ["a{2,1}", /second number is smaller/],
    ["/users/{id}", /"\{" at character 8/],
    ["a}", /"\}" at character 2/],
    ["\\", /nothing stands behind/],
    ["\\x4", /two hexadecimal/],
    ["caf\u00e9", /"\u00e9" at character 4: a pattern has visible ASCII only/],
    ["a\nb", /at character 2: a pattern has visible ASCII/],
    ["(".repeat(17), /groups lie in each other/],
    ["a^", /nothing matches/],
  ] as const) {
    throws(
      () => new Regex(source),
      (error) => isError(error, "invalid") && message.test(error.message),
      source,
    );
  }
});

test("a pattern that no path begins with is told apart", () => {
  ok(!new Regex("^api").mayBegin("/"));
  ok(new Regex("^(api|/x)").mayBegin("/"));
  ok(new Regex("api").mayBegin("/"));
  ok(new Regex("^/$").mayBegin("/"));
});
