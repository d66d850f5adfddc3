import assert from "node:assert/strict";
import { test } from "node:test";
import type { RouteView } from "@skerry/core/contract/api/route.ts";
import { explainPrompt, requestFor } from "./explain.ts";

function asked(spec: object, url = "https://h/") {
  return requestFor({ spec, status: { url, state: "ready" } } as unknown as RouteView);
}

test("a request that a route is made for has all that it asks for", () => {
  const match = {
    methods: ["POST", "PUT"],
    headers: [
      { name: "x-api", type: "exact", value: "v2" },
      { name: "x-any", type: "present" },
      { name: "x-no", type: "absent" },
    ],
    query: [{ name: "q", type: "exact", value: "a b&c" }],
    cookies: [{ name: "a", type: "present" }],
  };
  assert.deepEqual(asked({ host: "*.a.example", path: "/x", match }), {
    method: "POST",
    url: "https://any.a.example/x?q=a+b%26c",
    headers: [
      { name: "x-api", value: "v2" },
      { name: "x-any", value: "x" },
      { name: "cookie", value: "a=x" },
    ],
  });
  assert.equal(asked({ host: "a.example", path: "/" }, "http://a.example:8080/")?.url, "http://a.example/");
});

test("of a pattern, and below HTTP, nobody can make one up", () => {
  assert.equal(asked({ host: "a", path: "^/v", match: { path: "regex" } }), undefined);
  assert.equal(
    asked({ host: "a", path: "/", match: { query: [{ name: "q", type: "regex", value: "^a" }] } }),
    undefined,
  );
  assert.equal(asked({ listen: "tcp://:5432" }), undefined);
});

test("what is typed is sent as it is meant, and what is answered is read line by line", () => {
  const prompt = explainPrompt(undefined);
  assert.ok(prompt.kind === "prompt");
  const { body } = prompt.call("GET", "a.example/x", "X-Api: v2: b; accept:*/* ;; bare", "192.0.2.7").input;
  const headers = [
    { name: "X-Api", value: "v2: b" },
    { name: "accept", value: "*/*" },
    { name: "bare", value: "" },
  ];
  assert.deepEqual(body, { method: "GET", url: "a.example/x", headers, client: "192.0.2.7" });
  const steps = [{ about: "host", name: "a.example", verdict: "no", why: "it is not there" }];
  const backends = [{ name: "b", to: "http://b", eligible: false, why: "drained" }];
  const outcome = { state: "none", text: "Nobody.", choice: { backends, how: ["By turns."] } };
  const told = prompt.shows?.({ steps, outcome }) ?? [];
  assert.deepEqual(
    told.map(({ mark = "", text }) => `${mark}${text}`),
    ["✗host a.example: it is not there", "", "Nobody.", "✗backend b: http://b; drained", "·By turns."],
  );
});
