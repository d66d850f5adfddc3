/** Several places among which the requests of a route are split. Plain data, and what is read of it; `split-rules.ts` checks it. */

export interface Variant {
  /** Its own within the split: access log, counts and clients that come back go by it. */
  readonly name: string;
  /** Canonical: `canonicalTarget`. */
  readonly to: string;
  /** Its share of the requests, beside the others' weights. 0: none at all. */
  readonly weight: number;
  /** With `to: upstream/NAME`: only backends that have all of them. */
  readonly tags?: readonly string[];
}

/** Clients come back to the variant that they had, while its weight is not 0. As `StickySpec` of an upstream. */
export interface SplitSticky {
  readonly by: "cookie" | "header";
  /** Of a cookie absent: `splitCookieOf`. */
  readonly name?: string;
  /** Of the cookie; absent: until the browser is closed. */
  readonly ttlSeconds?: number;
}

export interface Split {
  /** Two or more, in the order in which they were said. One at least has a weight. */
  readonly variants: readonly Variant[];
  readonly sticky?: SplitSticky;
}

interface Led {
  readonly to?: string;
  readonly split?: Split;
}

/** All places to which requests of a route are passed on. */
export function destinationsOf({ to, split }: Led): readonly string[] {
  return split?.variants.map((one) => one.to) ?? (to === undefined ? [] : [to]);
}

/** The names of upstreams in them. */
export function upstreamsIn(led: Led): readonly string[] {
  return destinationsOf(led).flatMap((to) => /^upstream\/(.+)$/.exec(to)?.[1] ?? []);
}

/** The cookie of a split that says no name for it. Two routes of one host have two. */
export function splitCookieOf({ name }: SplitSticky, route: string): string {
  return name ?? `skerry-split-${route}`;
}

/** What a variant gets of the requests, in percent. */
export function shareOf({ variants }: Split, { weight }: Variant): number {
  return (100 * weight) / variants.reduce((sum, one) => sum + one.weight, 0);
}
