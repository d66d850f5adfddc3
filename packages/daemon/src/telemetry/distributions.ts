/** Histograms that somebody else has counted, in the text format. */
import type { Distribution } from "@skerry/core/domain/telemetry.ts";
import type { Histogram, Registry } from "prom-client";
import { LabelSets } from "./label-sets.ts";

export type Distributions = Iterable<readonly [labels: Readonly<Record<string, string>>, value: Distribution]>;

interface Row {
  readonly metricName: string;
  readonly labels: Record<string, string | number>;
  readonly value: number;
}

/** As the text format has a histogram: cumulative, the last bound takes all. */
function rowsOf(name: string, bounds: readonly number[], sets: LabelSets, read: Distributions): Row[] {
  const sums = new Map<Record<string, string>, { counts: number[]; sum: number }>();
  for (const [given, { counts, sum }] of read) {
    const labels = sets.admit(given);
    const known = sums.get(labels) ?? { counts: new Array<number>(bounds.length + 1).fill(0), sum: 0 };
    for (let at = 0; at <= bounds.length; at++) known.counts[at] = (known.counts[at] ?? 0) + (counts[at] ?? 0);
    sums.set(labels, { counts: known.counts, sum: known.sum + sum });
  }
  const rows: Row[] = [];
  for (const [labels, { counts, sum }] of sums) {
    let within = 0;
    for (const [at, count] of counts.entries()) {
      within += count;
      rows.push({ metricName: `${name}_bucket`, labels: { ...labels, le: bounds[at] ?? "+Inf" }, value: within });
    }
    rows.push(
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: within },
    );
  }
  return rows;
}

/** `read` is asked at each scrape. Gives what records into it: nothing, since it is read. */
export function addDistributions(
  registry: Registry,
  name: string,
  help: string,
  bounds: readonly number[],
  labels: readonly string[],
  read: () => Distributions,
): () => void {
  const get = () => ({ name, help, type: "histogram", values: rowsOf(name, bounds, new LabelSets(labels), read()) });
  // The registry asks for no more of a metric than this.
  registry.registerMetric({ name, get } as unknown as Histogram);
  return () => undefined;
}
