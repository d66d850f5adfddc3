import { deepEqual, equal, notEqual, throws } from "node:assert/strict";
import { test } from "node:test";
import { isError } from "./errors.ts";
import { canonicalMatch, matchKey, type RouteMatch } from "./route-match.ts";

const v2 = { name: "X-Api", type: "exact", value: "v2" } as const;
const debug = { name: "debug", type: "present" } as const;

test("what means the same is spelled the same", () => {
  deepEqual(
    canonicalMatch({
      methods: ["post", "GET", "POST"],
      headers: [v2, { ...debug, name: "A" }],
      query: [],
      cookies: [],
    }),
    {
      methods: ["GET", "POST"],
      headers: [
        { name: "a", type: "present" },
        { name: "x-api", type: "exact", value: "v2" },
      ],
    },
  );
  equal(canonicalMatch({ methods: [], headers: [] }), undefined);
  equal(matchKey("/a", undefined), "/a");
  const one: RouteMatch = { query: [debug], headers: [v2] };
  const other: RouteMatch = {
    headers: [{ value: "v2", type: "exact", name: "x-api" }],
    query: [{ type: "present", name: "debug" }],
  };
  equal(matchKey("/a", canonicalMatch(one)), matchKey("/a", canonicalMatch(other)));
  // Names of cookies and parameters are what they are.
  notEqual(
    matchKey("/a", canonicalMatch({ query: [debug] })),
    matchKey("/a", canonicalMatch({ query: [{ ...debug, name: "Debug" }] })),
  );
  notEqual(matchKey("/a", { path: "exact" }), matchKey("/a", undefined));
  notEqual(matchKey("/a", { path: "exact" }), matchKey("/a", { path: "regex" }));
  notEqual(matchKey("/a", { query: [debug] }), matchKey("/a", { cookies: [debug] }));
});

test("what cannot be asked for is refused, with the field", () => {
  for (const [match, field, message] of [
    [{ methods: ["GE T"] }, "methods", /not a method/],
    [{ methods: [""] }, "methods", /not a method/],
    [{ methods: ["connect"] }, "methods", /never passed on/],
    [{ methods: Array.from({ length: 17 }, (_, at) => `M${at}`) }, "methods", /16 methods at most/],
    [{ headers: [v2, { ...v2, name: "x-aPI" }] }, "headers", /asked for twice/],
    [{ headers: [{ ...v2, name: "a b" }] }, "headers", /not the name of a header/],
    [{ headers: [{ ...v2, name: "" }] }, "headers", /1 to 64/],
    [{ cookies: [{ ...v2, name: "a=b" }] }, "cookies", /not the name of a cookie/],
    [{ cookies: [{ ...v2, name: "x".repeat(65) }] }, "cookies", /1 to 64/],
    [{ headers: [{ ...v2, value: "a\r\nb" }] }, "headers", /a character that none has/],
    [{ headers: [{ ...v2, value: " a" }] }, "headers", /space at an end/],
    [{ headers: [{ name: "a", type: "exact" }] }, "headers", /What value/],
    [{ query: [{ ...debug, value: "x" }] }, "query", /no value goes with that/],
    [{ query: [{ ...v2, value: "x".repeat(257) }] }, "query", /256 characters at most/],
    [{ query: Array.from({ length: 9 }, (_, at) => ({ ...debug, name: `q${at}` })) }, "headers", /8 headers/],
  ] as const) {
    throws(
      () => canonicalMatch(match),
      (error) => isError(error, "invalid") && error.details?.["field"] === field && message.test(error.message),
      JSON.stringify(match),
    );
  }
});
