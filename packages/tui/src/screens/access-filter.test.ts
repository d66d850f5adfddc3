import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAccessLine } from "@skerry/core/contract/present/access-log.ts";
import { accessFilter, turnWord } from "./access-filter.ts";

const LINES = [
  { method: "GET", host: "shop.example", path: "/A", status: 200, durationUs: 900, name: "shop", client: "192.0.2.7" },
  {
    method: "POST",
    host: "shop.example",
    path: "/b",
    status: 502,
    durationUs: 250_000,
    name: "shop",
    upstream: "10.0.0.9:80",
  },
  {
    method: "GET",
    host: "old.example",
    path: "/",
    status: 302,
    durationUs: 10,
    name: "old-shop",
    client: "2001:db8::1",
  },
  { status: 0, durationUs: 0, error: "aborted", id: "abc.1" },
  { dropped: 5 },
];

function found(filter: string): string {
  return LINES.flatMap((line, i) => (accessFilter(filter)(line) ? [i] : [])).join("");
}

test("each word chooses, all must hold, ! chooses the others", () => {
  const table: readonly (readonly [filter: string, found: string])[] = [
    ["", "01234"],
    ["failed", "13"],
    ["5xx", "1"],
    ["302", "2"],
    ["!2xx !3xx", "134"],
    [">250", "1"],
    [">=1", "1"],
    ["host:SHOP", "01"],
    ["path:/a", "0"],
    ["route:shop", "01"],
    ["method:get host:shop", "0"],
    ["client:2001:db8", "2"],
    ["reason:abort", "3"],
    ["10.0.0.9", "1"],
    ["shop.example/b", "1"],
    ["abc.1", "3"],
    ["example !route:shop", "2"],
    // No places of ours: as they are.
    ["constructor:x", ""],
    ["host:", ""],
    ["! ", "01234"],
  ];
  for (const [filter, expected] of table) assert.equal(found(filter), expected, filter);
});

test("a word is turned on and off; of one place there is one", () => {
  assert.equal(turnWord("", "failed"), "failed");
  assert.equal(turnWord("a failed b", "failed"), "a b");
  assert.equal(turnWord("route:x failed", "route:y"), "failed route:y");
});

test("a line that is no object, or has no time, is none", () => {
  for (const text of ["", "[", "3", "null", "[1]", '{"status":200}', '{"time":7}']) {
    assert.equal(parseAccessLine(text)?.time, undefined, text);
  }
});
