import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";
import type { RouteView } from "@skerry/core/contract/api/route.ts";
import { isError } from "@skerry/core/contract/errors.ts";
import { routePresentation } from "@skerry/core/contract/present/route.ts";
import { readMatch } from "./match.ts";

const NOTHING = {
  ...{ "path-exact": undefined, "path-regex": undefined },
  ...{ method: [], header: [], query: [], cookie: [], "header-regex": [], "query-regex": [], "cookie-regex": [] },
};

test("flags say what is asked for, and it is shown so again", () => {
  const said = readMatch({
    ...NOTHING,
    "path-regex": "^/v\\d+/u",
    method: ["GET,PUT", "POST"],
    header: ["X-API-Version:  v2 ", "X-Debug", "!Authorization", "X-Time: 10:30"],
    "header-regex": ["Accept-Language: ^de[:,-]?"],
    query: ["a=b=c", "page", "empty="],
    "query-regex": ["q=^[0-9]+$"],
    cookie: ["beta=1"],
    "cookie-regex": ["beta2=^x"],
  });
  deepEqual(said, {
    path: "^/v\\d+/u",
    match: {
      path: "regex",
      methods: ["GET", "PUT", "POST"],
      headers: [
        { name: "X-API-Version", type: "exact", value: "v2" },
        { name: "X-Debug", type: "present" },
        { name: "Authorization", type: "absent" },
        { name: "X-Time", type: "exact", value: "10:30" },
        { name: "Accept-Language", type: "regex", value: "^de[:,-]?" },
      ],
      query: [
        { name: "a", type: "exact", value: "b=c" },
        { name: "page", type: "present" },
        { name: "empty", type: "exact", value: "" },
        { name: "q", type: "regex", value: "^[0-9]+$" },
      ],
      cookies: [
        { name: "beta", type: "exact", value: "1" },
        { name: "beta2", type: "regex", value: "^x" },
      ],
    },
  });
  const column = routePresentation.columns.find(({ title }) => title === "MATCH");
  const view = { spec: { host: "h", to: "bucket/b", ...said } } as unknown as RouteView;
  deepEqual(column?.lines?.(view), [
    ...["~ ^/v\\d+/u", "GET,PUT,POST", "X-API-Version: v2", "X-Debug", "no Authorization", "X-Time: 10:30"],
    ...[
      "Accept-Language ~ ^de[:,-]?",
      "?a=b=c",
      "?page",
      "?empty=",
      "?q ~ ^[0-9]+$",
      "cookie beta=1",
      "cookie beta2 ~ ^x",
    ],
  ]);
  deepEqual(readMatch(NOTHING), {});
  deepEqual(readMatch({ ...NOTHING, "path-exact": "/a/" }), { path: "/a/", match: { path: "exact" } });
});

test("what says nothing is refused", () => {
  const invalid = (error: unknown) => isError(error, "invalid");
  throws(() => readMatch({ ...NOTHING, "header-regex": ["X-Version"] }), invalid);
  throws(() => readMatch({ ...NOTHING, "path-exact": "/a", "path-regex": "^/a" }), invalid);
});
