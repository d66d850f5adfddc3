import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { generousReadings } from "./path-reading.ts";

test("a path is read in every way in which upstreams are known to read it", () => {
  for (const [path, readings] of [
    ["/a", ["/a"]],
    ["//a\\b%5c%2fc", ["/a/b/c"]],
    ["/a;x/b", ["/a;x/b", "/a/b"]],
    // Java takes out parameters before it decodes; what is decoded first ends them at the slash.
    ["/a;x%2fb", ["/a;x/b", "/a/b", "/a"]],
    ["/a;\\b", ["/a;/b", "/a", "/a/b"]],
    ["/a%3fb", ["/a?b", "/a"]],
    ["/a%23b", ["/a#b", "/a"]],
    ["/a%253fb", ["/a%3fb"]],
    ["/a%3b%3f/b", ["/a;?/b", "/a/b", "/a;", "/a"]],
  ] as const) {
    deepEqual(generousReadings(path), readings, path);
  }
  for (const path of [
    "/..",
    "/.",
    "/a/%2e%2e/b",
    "/a%2f..%3fb",
    "/a;%2f/../b",
    "/a/..;x",
    "/%",
    "/%4",
    "/%zz",
    "/%00",
  ]) {
    deepEqual(generousReadings(path), undefined, path);
  }
});
