import assert from "node:assert/strict";
import { test } from "node:test";
import { drawRouteReport } from "../components/route-report.ts";
import { type Answer, FakeDaemon, until } from "../testing/fake-daemon.ts";
import { RouteReport } from "./route-report.ts";

const CREATED = "2026-08-02T12:00:00.000Z";

function routeView(revision: number, spec: object) {
  const meta = { uid: "u1", name: "shop", project: "p", labels: {}, generation: 1, createdAt: CREATED };
  const status = { url: "https://shop.example/", state: "ready" };
  return { kind: "route", meta: { ...meta, updatedAt: CREATED, revision }, spec, status };
}

function textOf(report: RouteReport): string {
  const lines = drawRouteReport(report.facts, 100);
  return lines.map((line) => line.map(({ text }) => text).join("")).join("\n");
}

test("it asks again and again what is served, and for an explanation only when the route has changed", async () => {
  let requests = 10;
  let revision = 1;
  const spec = { host: "shop.example", path: "/", to: "http://10.0.0.7" };
  const series = () => {
    requests += 10;
    return `skerry_gateway_route_requests_total{route="u1",class="2xx"} ${requests}\n`;
  };
  const daemon = new FakeDaemon((target): Answer => {
    if (target === "/metrics") return { bytes: bytesOf(series()) };
    if (target === "/v1/routes/explain")
      return { json: { steps: [], outcome: { state: "route", text: `as of ${revision}` } } };
    return { json: routeView(revision, spec) };
  });
  using report = new RouteReport(daemon.client, "shop", "p");
  await until("twice counted", () => /now: [1-9][\d.]*\/s, 0 in flight/.test(textOf(report)));
  assert.match(textOf(report), /as of 1[\s\S]*http:\/\/10\.0\.0\.7/);
  const explained = () => daemon.requests.filter((one) => one.includes("explain")).length;
  assert.equal(explained(), 1);
  revision = 2;
  await until("explained anew", () => textOf(report).includes("as of 2"));
  assert.equal(explained(), 2);
});

test("who may not read the metrics sees the rest, and they are asked for once; what is gone is said", async () => {
  let isThere = true;
  const daemon = new FakeDaemon((target): Answer => {
    if (target === "/metrics") return { status: 403, json: { status: 403, code: "forbidden", detail: "No." } };
    if (!isThere) return { status: 404, json: { status: 404, code: "not_found", detail: "There is no route shop." } };
    return { json: routeView(1, { listen: "tcp://:5432", to: "tcp://10.0.0.7:5432" }) };
  });
  using report = new RouteReport(daemon.client, "shop", "p");
  await until("told", () => textOf(report).includes("Operators and admins may see that."));
  assert.match(textOf(report), /It is below HTTP: there is no request to show/);
  isThere = false;
  await until("gone", () => textOf(report).includes("There is no route shop."));
  assert.equal(daemon.requests.filter((one) => one.includes("metrics")).length, 1);
});

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
