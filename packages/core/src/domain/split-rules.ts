/** How a split is said. Plain rules. */
import { SkerryError } from "./errors.ts";
import { canonicalTarget } from "./gateway.ts";
import { LIMITS } from "./limits.ts";
import { assertName } from "./resource.ts";
import type { Split, Variant } from "./route-split.ts";
import { assertTagsFit, canonicalSticky, canonicalTags, type StickyText } from "./upstreams.ts";

/** As it is said: a weight that is left out is 1. */
export interface SplitText {
  readonly variants: readonly {
    readonly name: string;
    readonly to: string;
    readonly weight?: number | undefined;
    readonly tags?: readonly string[] | undefined;
  }[];
  readonly sticky?: StickyText | undefined;
}

const { maxVariants, maxWeight } = LIMITS.gateway;

/** In one spelling. @throws `invalid`. */
export function canonicalSplit({ variants, sticky }: SplitText): Split {
  if (variants.length < 2 || variants.length > maxVariants) {
    throw refuse(`A split has 2 to ${maxVariants} variants, not ${variants.length}.`);
  }
  const names = new Set<string>();
  const read = variants.map(({ name, to, weight = 1, tags }): Variant => {
    assertName(name, "variant");
    if (names.has(name)) throw refuse(`Two variants are called ${name}.`);
    names.add(name);
    if (!Number.isInteger(weight) || weight < 0 || weight > maxWeight) {
      throw refuse(`The weight of the variant ${name} is a whole number from 0 to ${maxWeight}.`);
    }
    const place = canonicalTarget(to);
    const asked = tags === undefined || tags.length === 0 ? undefined : canonicalTags(tags);
    assertTagsFit(place, asked);
    return { name, to: place, weight, ...(asked && { tags: asked }) };
  });
  if (read.every(({ weight }) => weight === 0)) throw refuse("No variant has a weight: no request would go anywhere.");
  return { variants: read, ...(sticky && { sticky: canonicalSticky(sticky) }) };
}

function refuse(message: string): SkerryError {
  return new SkerryError("invalid", message, {
    hint: "Like variants: [{name: stable, to: container/web:80, weight: 95}, {name: next, to: container/web2:80, weight: 5}]",
    details: { field: "spec.split" },
  });
}
