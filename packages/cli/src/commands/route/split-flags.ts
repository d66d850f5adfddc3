/** Several places among which the requests of a route are split, as flags say them. */
import type { RouteView } from "@skerry/core/contract/api/route.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import type { Flags } from "../command.ts";
import { stickyOf } from "../upstream/balance.ts";

type Split = NonNullable<RouteView["spec"]["split"]>;
type Variant = Split["variants"][number];

export const SPLIT_OPTIONS = {
  split: {
    type: "array",
    describe: "NAME=TO[,weight=N][,tag=TAG]...: requests are split by weight (again for each; NAME=none takes it away)",
  },
  "sticky-cookie": { type: "boolean", describe: "Clients come back to the variant that they had, by a cookie" },
  "sticky-name": { type: "string", describe: "Name of that cookie (default: skerry-split-NAME)" },
  "sticky-ttl": { type: "string", describe: "Seconds that it lasts (default: until the browser ends)" },
  "sticky-header": { type: "string", describe: "Requests that are alike in this header go to one variant" },
} as const;
type SplitFlags = Flags<typeof SPLIT_OPTIONS>;

const HINT = "Like this: --split stable=container/web:80,weight=95 --split next=container/web2:80,weight=5";

/** Whether anything is said of it: what a route has of it is then read first. */
export function namesSplit(flags: SplitFlags): boolean {
  const { split, "sticky-cookie": cookie, "sticky-name": name, "sticky-ttl": ttl, "sticky-header": header } = flags;
  return split.length > 0 || cookie || (name ?? ttl ?? header) !== undefined;
}

/** `before` with what is said: of a variant that is there, what is not said stays. @throws `invalid`. */
export function splitOf(flags: SplitFlags, before?: Split): { readonly split?: Split } {
  if (!namesSplit(flags)) return {};
  const said = stickyOf(flags);
  const variants = changeVariants(before?.variants ?? [], flags.split);
  if (variants.length === 0) {
    throw new SkerryError("invalid", "The route is not split: there are no variants that clients could come back to.", {
      hint: HINT,
    });
  }
  const sticky = said ?? before?.sticky;
  return { split: { variants, ...(sticky && { sticky }) } };
}

function changeVariants(before: readonly Variant[], texts: readonly string[]): Variant[] {
  const variants = new Map(before.map((one) => [one.name, one]));
  const said = new Set<string>();
  for (const text of texts) {
    const [, name = "", to, options = ""] =
      /^([^=,]+)(?:=(.*?))?((?:,(?:weight=[^,=]*|tag=[^,=]*))*)$/s.exec(text) ?? [];
    const kept = variants.get(name);
    const place = to ?? kept?.to;
    if (name === "" || place === undefined || place === "") throw refuse(text, "is no variant");
    if (said.has(name)) throw refuse(text, `says ${name} once more`);
    said.add(name);
    if (place === "none") {
      if (kept === undefined) throw refuse(text, "takes away a variant that is not there");
      variants.delete(name);
      continue;
    }
    const values = (option: string) =>
      options.split(",").flatMap((part) => (part.startsWith(`${option}=`) ? [part.slice(option.length + 1)] : []));
    const [weights, tags] = [values("weight"), values("tag")];
    const weight = weights.length === 0 ? (kept?.weight ?? 1) : Number(weights[0] || Number.NaN);
    if (weights.length > 1 || !Number.isInteger(weight)) throw refuse(text, "has no weight that is one whole number");
    const asked = tags.length === 0 ? kept?.tags : tags;
    variants.set(name, { name, to: place, weight, ...(asked && { tags: asked }) });
  }
  return [...variants.values()];
}

function refuse(text: string, why: string): SkerryError {
  return new SkerryError("invalid", `${JSON.stringify(text)} ${why}.`, { hint: HINT });
}
