/** Label selectors: all terms must hold. */
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Selector } from "../domain/store.ts";

export type Labels = Readonly<Record<string, string>>;

/** `notIn` holds for what lacks the label, as in Kubernetes. */
export function matchesSelector(labels: Labels, selector: Selector): boolean {
  return selector.every((term) => {
    const value = Object.hasOwn(labels, term.key) ? labels[term.key] : undefined;
    if ("in" in term) return value !== undefined && term.in.includes(value);
    if ("notIn" in term) return value === undefined || !term.notIn.includes(value);
    return (value !== undefined) === term.exists;
  });
}

/** @throws `invalid` when a term has not exactly one of `in`, `notIn`, `exists`. */
export function assertSelector(selector: Selector): void {
  if (!Array.isArray(selector) || selector.length > LIMITS.resource.maxLabels) {
    throw new SkerryError("invalid", `A label selector is a list of at most ${LIMITS.resource.maxLabels} terms.`);
  }
  for (const term of selector as readonly Record<string, unknown>[]) {
    const kinds = ["in", "notIn", "exists"].filter((kind) => kind in term);
    const kind = kinds[0];
    const right =
      kinds.length === 1 &&
      typeof term["key"] === "string" &&
      (kind === "exists"
        ? typeof term["exists"] === "boolean"
        : Array.isArray(term[kind as string]) &&
          (term[kind as string] as unknown[]).every((value) => typeof value === "string"));
    if (!right) {
      throw new SkerryError("invalid", "A term of a label selector has a key and one of in, notIn, exists.", {
        details: { field: "selector" },
      });
    }
  }
}
