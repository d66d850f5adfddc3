import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../domain/limits.ts";
import type { RequestRecord } from "../proxy/records.ts";
import { AccessLines } from "./access-line.ts";

const AT = Date.UTC(2026, 10, 22, 1, 2, 3, 45);
const upstream = { backends: [], reach: "any" } as const;
const RECORD: RequestRecord = {
  ...{ id: "abc.1", routeId: "r1", client: "192.0.2.7", protocol: "HTTP/1.1", tls: "TLSv1.3", method: "GET" },
  ...{ host: "app.example", path: "/a/b", status: 200, durationMs: 1.2345, upstreamMs: 0.9, bytesIn: 3, bytesOut: 420 },
  ...{ upstream: "10.0.0.1:80", attempts: 1, hedges: 0, error: undefined },
};

function lines(): AccessLines {
  const made = new AccessLines();
  made.put([{ id: "r1", name: "web", project: "p1", host: "app.example", path: "/", upstream }]);
  return made;
}

test("a line is JSON with everything, the route's name and project among it", () => {
  const text = lines().line(RECORD, AT);
  ok(text.endsWith("}\n"));
  deepEqual(JSON.parse(text), {
    ...{ time: "2026-11-22T01:02:03.045Z", id: "abc.1", route: "r1", name: "web", project: "p1", client: "192.0.2.7" },
    ...{ protocol: "HTTP/1.1", tls: "TLSv1.3", method: "GET", host: "app.example", path: "/a/b", status: 200 },
    ...{ bytesIn: 3, bytesOut: 420, durationUs: 1235, upstreamUs: 900, upstream: "10.0.0.1:80" },
  });
});

test("a request that took more than one attempt says how many, and how many of them stood beside a slow one", () => {
  const of = (attempts: number, hedges: number) => JSON.parse(lines().line({ ...RECORD, attempts, hedges }, AT));
  const told = [of(0, 0), of(1, 0), of(3, 0), of(2, 1)].map((line) => [line.attempts, line.hedges]);
  deepEqual(told, [
    [undefined, undefined],
    [undefined, undefined],
    [3, undefined],
    [2, 1],
  ]);
});

test("what is not there is left out, and an error is told", () => {
  const made = lines();
  const bare = { ...RECORD, routeId: undefined, tls: undefined, upstream: undefined, upstreamMs: undefined } as const;
  const line = JSON.parse(made.line({ ...bare, status: 404, error: "not_found/route" }, AT));
  for (const key of ["route", "name", "project", "tls", "upstream", "upstreamUs"]) ok(!(key in line), key);
  equal(line.error, "not_found/route");
  made.remove(["r1"]);
  const gone = JSON.parse(made.line(RECORD, AT));
  deepEqual([gone.route, gone.name, gone.project], ["r1", undefined, undefined]);
});

test("whatever is foreign comes back as it was, on one line of ASCII", () => {
  const made = lines();
  const all = Array.from({ length: 0x120 }, (_, code) => String.fromCharCode(code)).join("");
  for (const foreign of [
    all,
    '"',
    "\\",
    '","status":200,"x":"',
    "\u2028\u202e\ufeff",
    "\x1b]0;x\x07",
    "a\r\n{}",
    "\ud800",
  ]) {
    const text = made.line({ ...RECORD, path: foreign, host: foreign, upstream: foreign, client: foreign }, AT);
    match(text, /^[ -~]*\n$/);
    const { path, host, upstream: back, client } = JSON.parse(text);
    deepEqual([path, host, back, client], [foreign, foreign, foreign, foreign]);
  }
});

test("a long path is cut, and the longest line has its bound", () => {
  const made = lines();
  const path = "\u00ff".repeat(LIMITS.proxy.maxTargetBytes);
  const text = made.line({ ...RECORD, path, host: "\u00ff".repeat(255) }, AT);
  ok(text.length <= LIMITS.gateway.maxAccessLineBytes, `${text.length}`);
  equal(JSON.parse(text).path, `${path.slice(0, LIMITS.gateway.maxLoggedPath)}...`);
});

test("times go on over the second, and back", () => {
  const made = lines();
  const times = [AT, AT + 955, AT + 954.9, AT - 45, AT + 60_000].map((ms) => JSON.parse(made.line(RECORD, ms)).time);
  deepEqual(
    times.map((time: string) => time.slice(17)),
    ["03.045Z", "04.000Z", "03.999Z", "03.000Z", "03.045Z"],
  );
});
