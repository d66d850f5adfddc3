import { SkerryError } from "@skerry/core/domain/errors.ts";
import type { Selector } from "@skerry/core/domain/store.ts";

const MAX_TERMS = 16;

/** `a=b,c!=d,e in (x,y),f notin (x),g,!h`, as in Kubernetes. @throws `invalid` with the term that is wrong. */
export function parseSelector(text: string | undefined): Selector {
  if (text === undefined || text.trim() === "") return [];
  const terms = text.split(/,(?![^(]*\))/);
  if (terms.length > MAX_TERMS) throw new SkerryError("invalid", `A label selector has at most ${MAX_TERMS} terms.`);
  return terms.map((term) => parseTerm(term.trim()));
}

function parseTerm(term: string): Selector[number] {
  const equality = /^([^=!\s(),]+)\s*(!=|==?)\s*([^=!\s(),]*)$/.exec(term);
  if (equality !== null) {
    const [, key = "", operator, value = ""] = equality;
    return operator === "!=" ? { key, notIn: [value] } : { key, in: [value] };
  }
  const set = /^([^=!\s(),]+)\s+(in|notin)\s+\(([^()]*)\)$/.exec(term);
  if (set !== null) {
    const [, key = "", operator, list = ""] = set;
    const values = list.split(",").map((value) => value.trim());
    return operator === "in" ? { key, in: values } : { key, notIn: values };
  }
  const exists = /^(!?)([^=!\s(),]+)$/.exec(term);
  if (exists !== null) return { key: exists[2] ?? "", exists: exists[1] === "" };
  throw new SkerryError("invalid", `${JSON.stringify(term)} is not a term of a label selector.`, {
    hint: "Terms are a=b, a!=b, a in (x,y), a notin (x,y), a, !a; commas between them mean and.",
  });
}
