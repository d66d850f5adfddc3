import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import type { RouteNews } from "@skerry/core/gateway/proxy/route-counts.ts";
import type { TableEntry } from "@skerry/core/gateway/table.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { VariantTraffic } from "./variant-traffic.ts";

const NEWS: RouteNews = {
  ...{ byClass: [2, 0, 3, 0, 0, 1], bytesIn: 1, bytesOut: 2, inFlight: 0, latencySumMs: 5, latency: [0, 6] },
  ...{ errors: {}, failed: 1 },
};
const UPSTREAM: TableEntry["upstream"] = { backends: [], reach: "any" };

test("variants are added up over workers, without requests that clients gave up; what is gone leaves nothing", async () => {
  let names = ["a", "b"];
  const metrics = createMetrics();
  const traffic = new VariantTraffic(metrics, (uid) => {
    const variants = names.map((name) => ({ name, weight: 1, upstream: UPSTREAM }));
    return uid === "r" ? { id: "r", host: "h", path: "/", upstream: UPSTREAM, split: { variants } } : undefined;
  });
  const rows = async () =>
    (await metrics.render()).split("\n").filter((row) => /^skerry_gateway_variant_(requests|failures)/.test(row));
  for (let worker = 0; worker < 2; worker++) {
    traffic.onNews({ "r/a": NEWS, r: NEWS, "r/unknown": NEWS, "gone/a": NEWS });
  }
  const { requests, failed, latency } = traffic.seen("r", "a") ?? { latency: [] };
  deepEqual([requests, failed, latency[0]], [8, 2, 12]);
  equal(traffic.seen("r", "b"), undefined);
  const of = 'route="r",variant="a"';
  deepEqual(
    await rows(),
    [
      ...[`requests_total{${of},class="aborted"} 4`, `requests_total{${of},class="2xx"} 6`],
      ...[`requests_total{${of},class="5xx"} 2`, `failures_total{${of}} 2`],
    ].map((row) => `skerry_gateway_variant_${row}`),
  );
  names = ["b"];
  equal(traffic.seen("r", "a"), undefined);
  deepEqual(await rows(), []);
  names = ["a", "b"];
  equal(traffic.seen("r", "a"), undefined, "it begins anew");
});
