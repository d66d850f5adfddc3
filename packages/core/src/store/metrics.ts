/** The store's gauges. */
import type { Metrics } from "../domain/telemetry.ts";

interface StoreReadings {
  readonly revision: () => number;
  readonly keys: () => number;
  readonly watchers: () => number;
  readonly leases: () => number;
  readonly pending: () => number;
  readonly failed: () => number;
}

/** Names begin with `skerry_store_`. `driver` is for the help text only: one store per process. */
export function observeStore(metrics: Metrics | undefined, driver: string, readings: StoreReadings): void {
  if (!metrics) return;
  metrics.gauge("skerry_store_revision", `Newest durable revision of the store (${driver}).`, readings.revision);
  metrics.gauge("skerry_store_keys", "Keys in the store, with those deleted since the last compaction.", readings.keys);
  metrics.gauge("skerry_store_watchers", "Open watches.", readings.watchers);
  metrics.gauge("skerry_store_leases", "Leases that have not ended.", readings.leases);
  metrics.gauge("skerry_store_pending_transactions", "Transactions that wait for the disk.", readings.pending);
  metrics.gauge("skerry_store_failed", "1 when the store takes no more writes until a restart.", readings.failed);
}
