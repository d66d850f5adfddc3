/** Backends of an upstream, as flags say them. */
import type { UpstreamView } from "@skerry/core/contract/api/upstream.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";

export type Backend = UpstreamView["spec"]["backends"][number];

export const BACKEND_OPTION = {
  backend: { type: "array", describe: "NAME=TO[,weight=N][,tag=TAG]...[,drain]; again for more" },
} as const;

const HINT = "Like this: --backend a=http://10.0.0.7:3000,weight=2,tag=gpu";

/** `before` with those that are said, by their names: what is not said of one that is there stays. @throws `invalid`. */
export function changeBackends(before: readonly Backend[], texts: readonly string[]): Backend[] {
  const backends = new Map(before.map((one) => [one.name, one]));
  const said = new Set<string>();
  for (const text of texts) {
    const [, name = "", to, options = ""] =
      /^([^=,]+)(?:=(.*?))?((?:,(?:weight=[^,=]*|tag=[^,=]*|drain))*)$/s.exec(text) ?? [];
    const kept = backends.get(name);
    const place = to ?? kept?.to;
    if (name === "" || place === undefined || place === "") throw refuse(text, "is no backend");
    if (said.has(name)) throw refuse(text, `says ${name} once more`);
    said.add(name);
    const parts = options.split(",").filter((part) => part !== "");
    const values = (option: string) =>
      parts.flatMap((part) => (part.startsWith(`${option}=`) ? [part.slice(option.length + 1)] : []));
    const tags = values("tag");
    const weights = values("weight");
    const weight = weights.length === 0 ? (kept?.weight ?? 1) : Number(weights[0] || Number.NaN);
    if (weights.length > 1 || !Number.isInteger(weight)) throw refuse(text, "has no weight that is one whole number");
    backends.set(name, {
      ...{ name, to: place, weight },
      tags: tags.length === 0 ? (kept?.tags ?? []) : tags,
      drain: parts.includes("drain") || (kept?.drain ?? false),
    });
  }
  return [...backends.values()];
}

function refuse(text: string, why: string): SkerryError {
  return new SkerryError("invalid", `${JSON.stringify(text)} ${why}.`, { hint: HINT });
}
