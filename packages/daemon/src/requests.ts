/** What is kept of each request: a line in the log, a count, a duration. */
import type { RequestRecord } from "./http/server.ts";
import type { DaemonLogger } from "./telemetry/logger.ts";
import type { DaemonMetrics } from "./telemetry/metrics.ts";
import { createRequestLog } from "./telemetry/request-log.ts";

const DURATION_BUCKETS_S = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60];

/** One line in the log and one count for each request. */
export function recordRequests(log: DaemonLogger, metrics: DaemonMetrics): (record: RequestRecord) => void {
  const write = createRequestLog(log);
  const labels = ["route", "status"];
  const count = metrics.counter("skerry_http_requests_total", "Requests that were answered.", labels);
  const help = "How long requests take, to the last byte of the answer.";
  const observe = metrics.histogram("skerry_http_request_duration_seconds", help, DURATION_BUCKETS_S, ["route"]);
  return (record) => {
    write(record);
    count(1, { route: record.route, status: String(record.status) });
    observe(record.durationMs / 1000, { route: record.route });
  };
}
