/** What upstreams are asked for when routes rewrite paths. */
import { deepEqual, doesNotMatch, equal, match, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isError, SkerryError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import { canonicalActions, type Rewrite } from "../../domain/route-actions.ts";
import { ProxyWorld } from "../../testing/proxy-world.ts";
import { assertActionsFit } from "./fit.ts";
import { createRewriter } from "./rewrite.ts";

const RUNS = process.env["SKERRY_TEST_TIER"] === "full" ? 50_000 : 2000;

function decoded(text: string): string {
  return text.replace(/%(..)/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

test("a fixed path, another prefix, or what a pattern has found; the query stays", () => {
  const cases: readonly (readonly [Rewrite, string, string, string])[] = [
    [{ path: "/fixed" }, "/", "/a/b?c=d", "/fixed?c=d"],
    [{ prefix: "/new" }, "/api", "/api/x?y", "/new/x?y"],
    [{ prefix: "/new/" }, "/api", "/api", "/new"],
    [{ prefix: "/" }, "/api", "/api", "/"],
    [{ prefix: "/" }, "/api", "/api/", "/"],
    [{ prefix: "/" }, "/api", "/api//x", "/x"],
    [{ prefix: "/" }, "/api", "/api?x=/../y", "/?x=/../y"],
    [{ prefix: "/v2" }, "/", "/x", "/v2/x"],
    [{ prefix: "/v2" }, "/", "*", "*"],
    [{ regex: "^/u/(\\d+)(/.*)?$", with: "/users/$1$2" }, "/", "/u/12/a?b", "/users/12/a?b"],
    [{ regex: "^/u/(\\d+)(/.*)?$", with: "/users/$1$2" }, "/", "/u/12", "/users/12"],
    [{ regex: "^/u/(\\d+)(/.*)?$", with: "/users/$1$2" }, "/", "/v", "/v"],
    [{ regex: "-", with: "_$&$$" }, "/", "/a-b-c", "/a_-$b-c"],
  ];
  for (const [rewrite, routePath, target, expected] of cases) {
    canonicalActions({ rewrite });
    equal(createRewriter(rewrite, routePath)(target), expected, JSON.stringify(rewrite));
  }
});

test("what comes of it never leaves the path that it is put behind", async () => {
  const rewrites: readonly Rewrite[] = [
    { prefix: "/" },
    { prefix: "/b" },
    { regex: "^/api/(.*)$", with: "/$1" },
    { regex: "x", with: "" },
    { regex: "^/(.)(.*)$", with: "/$2$1" },
    { regex: "^/api(.*)x(.*)$", with: "$1$2" },
  ];
  const piece = fc.constantFrom("/", "x", "..", ".", "%2e", "%2E", "%2f", "%5c", "\\", "%", "2", "e", "f", ";", "%25");
  fc.assert(
    fc.property(fc.constantFrom(...rewrites), fc.array(piece, { maxLength: 10 }), (rewrite, pieces) => {
      const result = createRewriter(rewrite, "/api")(`/api/${pieces.join("")}`);
      if (result instanceof SkerryError) return ok(isError(result, "invalid"));
      // What is rewritten to itself has been looked at by the router.
      if (result === `/api/${pieces.join("")}`) return;
      match(result, /^\/(?!\/)/);
      const read = decoded(result)
        .replaceAll("\\", "/")
        .replaceAll(/;[^/]*/g, "");
      doesNotMatch(read, /(^|\/)\.\.?(\/|$)/, `${JSON.stringify(rewrite)}: ${pieces.join("")} -> ${result}`);
    }),
    { numRuns: RUNS },
  );
  await using world = await ProxyWorld.start();
  world.actions = { rewrite: { regex: "^/x(.*)$", with: "/$1" } };
  const seen = await world.upstream(() => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  const ask = (target: string) =>
    world.exchange(`GET ${target} HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n`);
  match(await ask("/xa/b?q"), /^HTTP\/1\.1 200 /);
  for (const target of ["/x../secret", "/x..%2fsecret", "/x%2e%2e/secret", "/x..\\secret", "/x..;/secret"])
    match(await ask(target), /^HTTP\/1\.1 400 /, target);
  deepEqual(
    seen.map(({ line }) => line),
    ["GET /a/b?q HTTP/1.1"],
  );
});

test("one that is too long is refused, whatever the template makes of it", () => {
  const rewrite = createRewriter({ regex: "^(.*)$", with: "$1".repeat(200) }, "/");
  const result = rewrite(`/${"x".repeat(LIMITS.proxy.maxTargetBytes - 2)}`);
  ok(result instanceof SkerryError && isError(result, "invalid/target"));
});

test("what cannot be a rewrite is refused with the field", () => {
  for (const [rewrite, message] of [
    [{}, /one of path, prefix and regex/],
    [{ path: "/a", prefix: "/b" }, /one of/],
    [{ regex: "a" }, /go together/],
    [{ path: "/a", with: "b" }, /go together/],
    [{ path: "a" }, /begin with/],
    [{ path: "/a?b" }, /query stays/],
    [{ path: "/a b" }, /has what no path has/],
    [{ prefix: "/a/../b" }, /\. or \.\./],
    [{ prefix: "/a/%2e%2E/b" }, /\. or \.\./],
    [{ regex: "a", with: "/x\r\nHost: y" }, /has what no path has/],
    [{ path: `/${"x".repeat(LIMITS.actions.maxRewrite)}` }, /at most/],
  ] as const)
    throws(() => canonicalActions({ rewrite }), message);
  const spec = { host: "a.example", path: "/a", to: "http://b", anyUpstream: false } as const;
  for (const [more, message] of [
    [{ rewrite: { regex: "(a)", with: "$2" } }, /\$2 means a group/],
    [{ rewrite: { regex: "(a".repeat(10) + ")".repeat(10), with: "x" } }, /10 groups/],
    [{ rewrite: { regex: "(?=a)", with: "x" } }, /looks ahead/],
    [{ rewrite: { prefix: "/x" }, match: { path: "exact" } }, /takes an exact path/],
    [{ rewrite: { path: "/x" }, respond: { status: 200 } }, /nothing to rewrite/],
  ] as const)
    throws(() => assertActionsFit({ ...spec, ...more }), message);
});
