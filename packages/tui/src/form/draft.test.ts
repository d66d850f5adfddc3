import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { ROUTE_SECTIONS } from "../screens/route-form.ts";
import { UPSTREAM_SECTIONS } from "../screens/upstream-form.ts";
import { flowYaml } from "./codec.ts";
import { changesOf, differences, fieldsOf, type Spec, specOf, textsOf } from "./draft.ts";

const ROUTE: Spec = {
  host: "a.example",
  path: "/x",
  match: {
    path: "exact",
    methods: ["GET", "POST"],
    headers: [
      { name: "x-api", type: "exact", value: "v2: b" },
      { name: "x-any", type: "present" },
      { name: "x-no", type: "absent" },
      { name: "x-re", type: "regex", value: "^v[23]$" },
    ],
    query: [{ name: "q", type: "exact", value: "a=b" }],
  },
  to: "upstream/web",
  tags: ["gpu", "eu"],
  protocol: "h2",
  timeouts: { connectMs: 250, headMs: 5000, totalMs: 120_000 },
  retries: { attempts: 2, on: ["connect", "503"], backoffMs: 1500 },
  headers: { request: { set: { "x-a": "b: c" }, remove: ["cookie"] }, response: { add: { "set-cookie": "a=b" } } },
  cors: { origins: ["https://a.example"], credentials: true, maxAge: 60 },
  compress: {},
  cache: { ttl: 5, statuses: [200, 404] },
  access: { allow: ["10.0.0.0/8", "iplist/office"] },
  limits: { rate: [{ by: "header:X-Key", requests: 5, per: "1m", burst: 9 }], maxBodyBytes: 10_485_760 },
  priority: "high",
  redirectHttps: true,
  rewrite: { regex: "^/(.*)", with: "/v1/$1" },
  clientTls: { mode: "require", ca: "-----BEGIN\nX" },
};
const UPSTREAM: Spec = {
  backends: [
    { name: "a", to: "http://10.0.0.7:3000", weight: 1, tags: [], drain: false },
    { name: "b", to: "container/web:80", weight: 0, tags: ["gpu", "eu"], drain: true },
  ],
  balance: { method: "hash", on: "header", name: "x-user" },
  sticky: { by: "cookie", ttlSeconds: 60 },
  health: { path: "/healthz", intervalMs: 5000 },
  breaker: {},
  slowStartMs: 30_000,
};

test("what is there goes into a form and comes out as it was", () => {
  for (const [sections, spec] of [
    [ROUTE_SECTIONS, ROUTE],
    [UPSTREAM_SECTIONS, UPSTREAM],
    [ROUTE_SECTIONS, { host: "a", path: "/", respond: { status: 503, body: "a\nb\\n", headers: { "x-a": "b" } } }],
  ] as const) {
    const leads = "respond" in spec ? "answer" : "forward";
    const texts = textsOf(sections, spec, { "@leads": leads });
    const made = specOf(sections, texts, spec);
    assert.deepEqual(made, { spec, problems: [] });
    assert.deepEqual(specOf(sections, texts, {}), made, "as if all of it had been typed");
    assert.deepEqual(changesOf(spec, made.spec, {}), {});
  }
});

test("what no field speaks of stays, beside what a field changes", () => {
  const cache = { ttl: 5, stale: 9 };
  const spec = { to: "x", timeouts: { headMs: 1, other: 7 }, cache, newThing: { a: [1] }, clientTls: { ca: "a\nb" } };
  const texts = new Map(textsOf(ROUTE_SECTIONS, spec, { "@leads": "forward" }));
  assert.match(texts.get("@more")?.[0] ?? "", /other: 7.*stale: 9.*newThing.*ca: "a\\nb"/);
  texts.set("timeouts.headMs", [""]).set("timeouts.connectMs", ["2s"]);
  const { spec: after } = specOf(ROUTE_SECTIONS, texts, spec);
  assert.deepEqual(after, { ...spec, timeouts: { connectMs: 2000, other: 7 } });
  assert.deepEqual(changesOf(spec, after, {}), { timeouts: { connectMs: 2000, other: 7 } });
  texts.set("cache", [""]);
  assert.ok(!("cache" in specOf(ROUTE_SECTIONS, texts, spec).spec), "turned off, with all that belongs to it");
  const backends = [{ name: "a", to: "http://b", weight: 1, tags: [], drain: false, zone: "eu" }];
  const same = specOf(UPSTREAM_SECTIONS, textsOf(UPSTREAM_SECTIONS, { backends }, {}), { backends });
  assert.deepEqual(same.spec, { backends }, "nobody has touched it");
});

test("another destination takes the place of the one before, with all that belonged to it", () => {
  const texts = new Map(textsOf(ROUTE_SECTIONS, ROUTE, { "@leads": "redirect" }));
  texts.set("redirect.to", ["https://b.example{path}"]).set("redirect.status", ["308"]);
  const { spec } = specOf(ROUTE_SECTIONS, texts, ROUTE);
  assert.deepEqual(spec["redirect"], { to: "https://b.example{path}", status: 308 });
  const answer = { host: "a", respond: { status: 503, headers: { "x-a": "b" } } };
  const sent = new Map(textsOf(ROUTE_SECTIONS, answer, { "@leads": "redirect" })).set("redirect.to", ["/b"]);
  assert.deepEqual(specOf(ROUTE_SECTIONS, sent, answer).spec, { host: "a", redirect: { to: "/b" } });
  for (const gone of ["to", "timeouts", "retries", "tags", "protocol", "rewrite"]) assert.ok(!(gone in spec), gone);
  assert.deepEqual(spec["access"], ROUTE["access"]);
});

test("what is turned off goes with its parts; what is not said any more is null, or what stands for that", () => {
  const texts = new Map(textsOf(ROUTE_SECTIONS, ROUTE, { "@leads": "forward" }));
  for (const path of ["cache", "compress", "priority", "match.path", "match.methods", "tags"]) texts.set(path, [""]);
  for (const path of ["match.headers", "match.query", "cors.origins"]) texts.set(path, []);
  const { spec, problems } = specOf(ROUTE_SECTIONS, texts, ROUTE);
  assert.deepEqual(problems, []);
  const gone = { match: {}, tags: [], to: undefined };
  assert.deepEqual(changesOf(ROUTE, spec, gone), {
    ...{ cache: null, compress: null, priority: null, cors: null },
    ...{ match: {}, tags: [] },
  });
});

test("what cannot be read is told at its field and line, all of it at once", () => {
  const texts = new Map(textsOf(ROUTE_SECTIONS, {}, { "@leads": "forward" }));
  texts.set("timeouts.headMs", ["5 parsecs"]).set("limits.inFlight", ["-1"]).set("limits.maxBodyBytes", ["ten"]);
  texts.set("limits.rate", ["ip=1/1s", "", "often"]).set("headers.request", ["X: y", "-A: b"]);
  texts.set("@more", ["{to: twice}"]);
  const places = specOf(ROUTE_SECTIONS, texts, {}).problems.map(({ path, line }) => `${path} ${line}`);
  assert.deepEqual(places, [
    ...["limits.rate 2", "limits.inFlight 0", "limits.maxBodyBytes 0", "headers.request 1"],
    ...["timeouts.headMs 0", "@more 0"],
  ]);
  for (const more of ["{", "[1]", "3", "&a [*a]"]) {
    assert.equal(specOf(ROUTE_SECTIONS, new Map(texts).set("@more", [more]), {}).problems.at(-1)?.path, "@more", more);
  }
});

test("a field is one place, and what it depends on is another field", () => {
  for (const sections of [ROUTE_SECTIONS, UPSTREAM_SECTIONS]) {
    const paths = fieldsOf(sections).map(({ path }) => path);
    assert.equal(new Set(paths).size, paths.length);
    for (const { when, path, hint } of fieldsOf(sections)) {
      assert.ok(when === undefined || paths.indexOf(when[0]) < paths.indexOf(path), path);
      assert.match(hint, /[.:)]$/, path);
    }
  }
});

test("differences are told leaf by leaf, a list as one", () => {
  assert.deepEqual(
    differences({ a: 1, b: { c: [1], d: 2 }, e: {} }, { b: { c: [1, 2], d: 2 }, e: {}, f: {}, g: { h: 1 } }),
    [
      { path: "a", before: 1, after: undefined },
      { path: "b.c", before: [1], after: [1, 2] },
      { path: "f", before: undefined, after: {} },
      { path: "g.h", before: undefined, after: 1 },
    ],
  );
});

test("anything is YAML in one line, and means the same", () => {
  const texts = [
    "a",
    "a.b/c-d",
    "a: b",
    "- a",
    "yes",
    "No",
    "null",
    "1e3",
    "0x1",
    "",
    " a",
    "a #b",
    "{",
    "\n\\",
    "日本",
    "~",
  ];
  const value = { texts, n: [1, -2.5, true, null], empty: {}, "key: with": { "": [[]] }, yes: 1 };
  assert.doesNotMatch(flowYaml(value), /\n/);
  assert.deepEqual(parse(flowYaml(value)), value);
});
