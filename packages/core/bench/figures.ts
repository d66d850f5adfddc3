/** What all benchmarks do with their figures. */

export interface Row {
  readonly work: string;
  readonly unit: string;
  readonly ours: number;
  readonly peers: Readonly<Record<string, number>>;
  /** Above 1: ours is better. */
  readonly ratio: Readonly<Record<string, number>>;
  readonly spread: number;
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

/** Half the distance between the quartiles, as a part of the median. */
function spread(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.round(part * (sorted.length - 1))] as number;
  return Number(((at(0.75) - at(0.25)) / 2 / median(values)).toFixed(3));
}

/** For a round: a fixed order measures what came before. */
export function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

/** Prints a line for people. */
export function row(...given: Parameters<typeof rowOf>): Row {
  const [work, unit, figures] = given;
  const line = [...figures].map(([name, values]) => `${name} ${median(values).toFixed(0)} (spread ${spread(values)})`);
  console.log(`${work.padEnd(22)} ${unit.padEnd(9)} ${line.join(", ")}`);
  return rowOf(...given);
}

/** `figures` has `ours`, and a peer under each other name. Rates are better high, times low. */
export function rowOf(
  work: string,
  unit: string,
  figures: ReadonlyMap<string, readonly number[]>,
  better: "high" | "low" = "high",
): Row {
  const ours = figures.get("ours") ?? [];
  const peers = [...figures].filter(([name]) => name !== "ours");
  const ratio = (theirs: number) => (better === "high" ? median(ours) / theirs : theirs / median(ours));
  return {
    ...{ work, unit, ours: Math.round(median(ours)) },
    peers: Object.fromEntries(peers.map(([name, values]) => [name, Math.round(median(values))])),
    ratio: Object.fromEntries(peers.map(([name, values]) => [name, Number(ratio(median(values)).toFixed(2))])),
    spread: spread(ours),
  };
}

/** The last line of each benchmark. */
export function finish(bench: string, rows: readonly Row[]): void {
  console.log(JSON.stringify({ bench, rows }));
}
