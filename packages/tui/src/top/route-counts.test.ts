import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMetrics } from "./metrics.ts";
import { routeCounts } from "./route-counts.ts";

test("what one route has served, and none of another", () => {
  const reading = parseMetrics(
    [
      `skerry_gateway_route_requests_total{route="a",class="2xx"} 5`,
      `skerry_gateway_route_requests_total{route="a",class="5xx"} 0`,
      `skerry_gateway_route_requests_total{route="ab",class="4xx"} 9`,
      `skerry_gateway_route_errors_total{route="a",reason="unavailable/upstream"} 2`,
      `skerry_gateway_route_requests_in_flight{route="a"} 3`,
      `skerry_gateway_route_received_bytes_total{route="a"} 10`,
      `skerry_gateway_route_sent_bytes_total{route="a"} 20`,
    ].join("\n"),
  );
  assert.deepEqual(routeCounts(reading, "a"), {
    byClass: new Map([["2xx", 5]]),
    byReason: new Map([["unavailable/upstream", 2]]),
    ...{ inFlight: 3, receivedBytes: 10, sentBytes: 20 },
  });
});
