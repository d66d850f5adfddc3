/**
 * Which variant of a split a request gets. Shares are exact, not only on average: of any n requests in a row each variant gets
 * its share but for a few. The sequence is the multiples of the golden ratio, modulo 1 (Weyl; Knuth, TAOCP 3, 6.4): it has no
 * period, so that it falls in step with no pattern of requests, as taking turns would with a page and its three images.
 */
import { type Asked, Facts } from "../routing/asked.ts";
import type { SplitRule, StickyRule, TableEntry } from "../table.ts";
import { hashOf } from "../upstreams/ring.ts";
import { stickyValueOf } from "../upstreams/sticky.ts";

const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** Of the request that a variant is chosen for now. */
const facts = new Facts();

interface Share {
  readonly entry: TableEntry;
  readonly name: string;
  readonly weight: number;
  readonly stickyValue: string | undefined;
}

class Splitter {
  readonly #shares: readonly Share[];
  readonly #sticky: StickyRule | undefined;
  readonly #sum: number;
  /** In [0, 1): who begins is chance, else the first requests of all workers would go to the same. */
  #place: number;

  constructor(entry: TableEntry, { variants, sticky }: SplitRule, begin: number) {
    const { split: _, ...rest } = entry;
    this.#shares = variants.map(({ name, weight, upstream }) => {
      const stickyValue = sticky?.by === "cookie" ? stickyValueOf(entry.id, name) : undefined;
      return { entry: { ...rest, upstream, variant: { name, sticky, stickyValue } }, name, weight, stickyValue };
    });
    this.#sticky = sticky;
    this.#sum = variants.reduce((sum, { weight }) => sum + weight, 0);
    this.#place = begin;
  }

  choose(asked: Asked): TableEntry {
    return this.stuck(asked) ?? this.#next();
  }

  #next(): TableEntry {
    this.#place += GOLDEN;
    if (this.#place >= 1) this.#place -= 1;
    let left = this.#place * this.#sum;
    let last = this.#shares[0] as Share;
    for (const share of this.#shares) {
      if (share.weight === 0) continue;
      last = share;
      left -= share.weight;
      if (left < 0) break;
    }
    return last.entry;
  }

  stuck(asked: Asked): TableEntry | undefined {
    const sticky = this.#sticky;
    if (sticky === undefined) return undefined;
    const value = facts.begin(asked).value(sticky.by === "cookie" ? "cookies" : "headers", sticky.name);
    if (value === undefined) return undefined;
    if (sticky.by === "header") return this.#hashed(value);
    return this.#shares.find(({ stickyValue, weight }) => weight > 0 && stickyValue === value)?.entry;
  }

  /**
   * Weighted rendezvous hashing (Schindelhauer, Schomaker, SPAA 2005): when weights change, only those move who must, and all
   * workers agree.
   */
  #hashed(value: string): TableEntry | undefined {
    let best: Share | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const share of this.#shares) {
      if (share.weight === 0) continue;
      const distance = -Math.log((hashOf(`${share.name} ${value}`) + 0.5) / 2 ** 32) / share.weight;
      if (distance >= least) continue;
      least = distance;
      best = share;
    }
    return best?.entry;
  }
}

/** Those of all routes that are split, made once for each entry of the table. */
export class Splits {
  readonly #fraction: () => number;
  readonly #made = new WeakMap<TableEntry, Splitter>();

  /** `fraction`: random, in [0, 1). */
  constructor(fraction: () => number) {
    this.#fraction = fraction;
  }

  /** The entry of the variant that the request gets: as the route's, with an upstream of its own. */
  choose(entry: TableEntry, split: SplitRule, asked: Asked): TableEntry {
    return this.#of(entry, split).choose(asked);
  }

  /** Undefined: it sticks to none that gets requests. */
  stuck(entry: TableEntry, split: SplitRule, asked: Asked): TableEntry | undefined {
    return this.#of(entry, split).stuck(asked);
  }

  #of(entry: TableEntry, split: SplitRule): Splitter {
    let splitter = this.#made.get(entry);
    if (splitter === undefined) {
      splitter = new Splitter(entry, split, this.#fraction());
      this.#made.set(entry, splitter);
    }
    return splitter;
  }
}
