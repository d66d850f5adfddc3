/** What the process uses, read when scraped: no timer, no histogram of the loop. Names as Prometheus clients have them. */
import { readdirSync } from "node:fs";
import type { Metrics } from "@skerry/core/domain/telemetry.ts";
import type { Registry } from "prom-client";
import Counter from "prom-client/lib/counter.js";

export function addProcessMetrics(metrics: Pick<Metrics, "gauge">, registry: Registry): void {
  // Grows for ever, and is known as a total: a counter that is set when it is read.
  new Counter({
    name: "process_cpu_seconds_total",
    help: "Processor time used, user and system.",
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  const startSeconds = Math.round(performance.timeOrigin / 1000);
  metrics.gauge("process_start_time_seconds", "When the process started, since the epoch.", () => startSeconds);
  metrics.gauge("process_resident_memory_bytes", "Memory of the process that is in RAM.", () =>
    process.memoryUsage.rss(),
  );
  metrics.gauge("process_open_fds", "Open file descriptors.", () => readdirSync("/proc/self/fd").length);
  metrics.gauge("nodejs_heap_used_bytes", "JavaScript heap in use.", () => process.memoryUsage().heapUsed);
  metrics.gauge("nodejs_external_memory_bytes", "Buffers outside the heap.", () => process.memoryUsage().external);
  let before = performance.eventLoopUtilization();
  metrics.gauge(
    "nodejs_eventloop_utilization_ratio",
    "Share of the time since the last scrape that the loop was busy.",
    () => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, before);
      before = now;
      return utilization;
    },
  );
}
