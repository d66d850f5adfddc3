/** How a variant of a split is chosen for a request, in words, for who may read the route. */
import { type Split, shareOf, type Variant } from "../../domain/route-split.ts";
import { type Asked, Facts } from "../routing/asked.ts";
import type { SplitRule, TableEntry } from "../table.ts";
import { Splits } from "./splitter.ts";

/** `is split: ...`, to be put behind the name of the route. `entry` is what it is compiled to. */
export function explainSplit(split: Split, entry: TableEntry, asked: Asked): string {
  const rule = entry.split;
  const shares = split.variants.map((one) => `${percentOf(split, one)} to ${one.to} (${one.name})`).join(", ");
  const stuck = rule === undefined ? undefined : explainSticky(rule, entry, asked);
  return `is split, ${shares}${stuck === undefined ? "" : `; ${stuck}`}`;
}

/** Its share of the requests: `33.3 %`. */
export function percentOf(split: Split, variant: Variant): string {
  return `${Number(shareOf(split, variant).toFixed(1))} %`;
}

/** What a request that sticks to a variant gets; undefined: none is looked at. */
function explainSticky(rule: SplitRule, entry: TableEntry, asked: Asked): string | undefined {
  const { sticky } = rule;
  if (sticky === undefined) return undefined;
  const { by, name } = sticky;
  const value = new Facts().begin(asked).value(by === "cookie" ? "cookies" : "headers", name);
  const what = `the ${by} ${name}`;
  if (value === undefined) return by === "cookie" ? `the answer sets ${what}` : `it has no header ${name} to stick by`;
  const found = new Splits(() => 0).stuck(entry, rule, asked);
  if (found === undefined) return `${what} leads to no variant that gets requests`;
  return `${what} leads to ${found.variant?.name}`;
}
