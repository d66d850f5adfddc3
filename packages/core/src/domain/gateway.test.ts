import assert from "node:assert/strict";
import { test } from "node:test";
import { isError } from "./errors.ts";
import {
  canonicalHost,
  canonicalPath,
  canonicalTarget,
  claimedName,
  namesAbove,
  needsOperator,
  parseTarget,
  routeNameOf,
} from "./gateway.ts";
import { parseListener } from "./listeners.ts";

const invalid = (error: unknown) => isError(error, "invalid");

test("host names are brought into one form, or refused", () => {
  assert.equal(canonicalHost("App.Example.COM."), "app.example.com");
  assert.equal(canonicalHost("*.Example.com"), "*.example.com");
  assert.equal(canonicalHost("bücher.example"), "xn--bcher-kva.example");
  assert.equal(canonicalHost("127.0.0.1"), "127.0.0.1");
  for (const text of ["", ".", "a..b", "-a.b", "a-.b", "*", "*.", "a.*.b", "*.*.a", "a b", "a/b", "a:80", "[::1]"]) {
    assert.throws(() => canonicalHost(text), invalid, text);
  }
  for (const text of ["*.127.0.0.1", "a_b.example", `${"a".repeat(64)}.b`, `${"a.".repeat(127)}a`, "a%2eb", "a@b"]) {
    assert.throws(() => canonicalHost(text), invalid, text);
  }
});

test("what people try first is refused with what they meant", () => {
  const hinted = (hint: RegExp) => (error: unknown) => isError(error, "invalid") && hint.test(error.hint ?? "");
  assert.throws(() => canonicalHost("app.example.com:8080"), hinted(/^Say app\.example\.com: .*skerry status/));
  assert.throws(() => parseListener("https://app.example.com:8443/"), hinted(/^Say app\.example\.com:/));
  for (const text of ["localhost:3000", "10.0.0.7", "[::1]:80", "api.example.com/v1"]) {
    assert.throws(() => parseTarget(text), hinted(/^Say http:\/\/.*, or https:\/\//), text);
  }
  for (const text of ["web", "ftp://a.example", "bucket:site"]) {
    assert.throws(() => parseTarget(text), hinted(/^Like http:/), text);
  }
});

test("who takes more than one name below a domain needs the operator role", () => {
  for (const host of ["*.example.com", "localhost", "10.0.0.1"]) assert.equal(needsOperator(host), true, host);
  for (const host of ["example.com", "a.localhost"]) assert.equal(needsOperator(host), false, host);
  assert.equal(claimedName("*.example.com"), "example.com");
  assert.deepEqual(namesAbove("a.b.example.com"), ["b.example.com", "example.com", "com"]);
  assert.deepEqual(namesAbove("10.0.0.1"), []);
});

test("paths are brought into one form, or refused", () => {
  for (const [text, path] of [
    ["/", "/"],
    ["/api/", "/api"],
    ["/a/b.c~d", "/a/b.c~d"],
    ["/a...b", "/a...b"],
  ] as const) {
    assert.equal(canonicalPath(text), path);
  }
  for (const text of ["", "a", "//", "/a//b", "/..", "/a/../b", "/.", "/a/.", "/a?b", "/a#b", "/%41", "/ü", "/a b"]) {
    assert.throws(() => canonicalPath(text), invalid, text);
  }
  assert.throws(() => canonicalPath(`/${"a".repeat(300)}`), invalid);
});

test("a target is read and written in one form", () => {
  for (const [text, canonical] of [
    ["container/web:80", "container/web:80"],
    ["bucket/site", "bucket/site"],
    ["HTTP://10.0.0.7:3000/", "http://10.0.0.7:3000"],
    ["https://Example.com:443/base/", "https://example.com/base"],
    ["http://[::1]:8000", "http://[::1]:8000"],
    ["http://localhost", "http://localhost"],
    ["H2C://A.Example:80/grpc/", "h2c://a.example/grpc"],
    ["h2c://[::1]:50051", "h2c://[::1]:50051"],
  ] as const) {
    assert.equal(canonicalTarget(text), canonical);
    assert.equal(canonicalTarget(canonical), canonical);
  }
  for (const text of [
    "",
    "web",
    "container/web",
    "container/web:0",
    "container/web:70000",
    "container/WEB:1",
    "bucket/",
    "bucket/a/b",
  ]) {
    assert.throws(() => parseTarget(text), invalid, text);
  }
  for (const text of [
    "ftp://a",
    "http://",
    "http://u:p@a",
    "h2c://u:p@a",
    "h2c:a",
    "http://a/?q",
    "http://a/#f",
    "http://a/%2e%2e/b",
    "file:///etc",
  ]) {
    assert.throws(() => parseTarget(text), invalid, text);
  }
});

test("a container without a port is told what is missing", () => {
  assert.throws(() => parseTarget("container/web"), /the port is missing/);
});

test("a route that was given no name is named after its host and path", () => {
  assert.equal(routeNameOf("app.example.com", "/"), "app-example-com");
  assert.equal(routeNameOf("*.example.com", "/api/V1"), "any-example-com-api-v1");
  assert.equal(routeNameOf("a".repeat(63), "/b").length, 63);
});
