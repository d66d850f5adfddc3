/** Keeps the number of label combinations of a metric bounded: Prometheus keeps a series for each, for ever. */
import { LIMITS } from "@skerry/core/domain/limits.ts";

const OTHER = "other";

export class LabelSets {
  readonly #names: readonly string[];
  readonly #known = new Map<string, Record<string, string>>();
  readonly #most: number;
  readonly #other: Record<string, string>;

  constructor(names: readonly string[], most: number = LIMITS.metrics.maxLabelSets) {
    this.#most = most;
    this.#names = names;
    this.#other = Object.fromEntries(names.map((name) => [name, OTHER]));
  }

  /** The label values to record under: those given, or all `other` when the metric has its fill of combinations. */
  admit(labels: Readonly<Record<string, string>> = {}): Record<string, string> {
    if (this.#names.length === 0) return this.#other;
    // A label that is missing is empty, one that was not declared is ignored: a metric must not break what it counts.
    const values = this.#names.map((name) => String(labels[name] ?? "").slice(0, LIMITS.metrics.maxLabelLength));
    const key = values.join("\0");
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= this.#most) return this.#other;
    const admitted = Object.fromEntries(this.#names.map((name, index) => [name, values[index] ?? ""]));
    this.#known.set(key, admitted);
    return admitted;
  }
}
