/** How the variants of a route that is split are. */
import type { Route } from "@skerry/core/domain/gateway.ts";
import { shareOf } from "@skerry/core/domain/route-split.ts";
import { latencyMs } from "@skerry/core/gateway/proxy/route-counts.ts";
import type { TableEntry, Upstream } from "@skerry/core/gateway/table.ts";
import type { BackendWords } from "./backend-conditions.ts";
import type { VariantTraffic } from "./variant-traffic.ts";

export interface VariantStatus {
  readonly name: string;
  readonly percent: number;
  readonly state: "ready" | "down";
  readonly reason?: string;
  /** Absent: nobody has asked it. */
  readonly traffic?: { readonly requests: number; readonly failed: number; readonly p95Ms: number };
}

/** `howIs` tells of the upstream of one. Empty: the route is not split. */
export function variantsOf(
  { meta, spec: { split } }: Route,
  entry: TableEntry | undefined,
  traffic: VariantTraffic,
  howIs: (upstream: Upstream) => BackendWords,
): VariantStatus[] {
  return (split?.variants ?? []).map((one) => {
    const upstream = entry?.split?.variants.find(({ name }) => name === one.name)?.upstream;
    const words: BackendWords =
      upstream === undefined ? { state: "down", reason: "it is not in force yet" } : howIs(upstream);
    const sum = traffic.of(meta.uid, one.name);
    return {
      ...{ name: one.name, percent: shareOf(split as NonNullable<typeof split>, one) },
      ...{ state: words.state, ...(words.reason === undefined ? {} : { reason: words.reason }) },
      ...(sum === undefined ? {} : { traffic: trafficOf(sum.byClass, sum.failed, sum.latency) }),
    };
  });
}

function trafficOf(byClass: readonly number[], failed: number, latency: readonly number[]) {
  const p95Ms = latencyMs(latency, 0.95);
  return { requests: byClass.reduce((a, b) => a + b, 0), failed, p95Ms: Math.min(p95Ms, MAX_MS) };
}

/** What is slower than the last bucket is shown as this. */
const MAX_MS = 10_000;

/** Down when none that gets requests is ready. */
export function stateOfSplit(variants: readonly VariantStatus[]): BackendWords {
  const asked = variants.filter(({ percent }) => percent > 0);
  const down = asked.filter(({ state }) => state === "down");
  if (down.length < asked.length) return { state: "ready" };
  return { state: "down", reason: down.map(({ name, reason }) => `${name}: ${reason}`).join("; ") };
}
