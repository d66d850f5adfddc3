/** What differs between what is declared and what is there, field by field. */
import {
  canonicalAccess,
  canonicalBackends,
  canonicalBalance,
  canonicalLimits,
  canonicalMatch,
  canonicalSticky,
} from "@skerry/core/contract/terms.ts";
import type { Declaration } from "./declaration.ts";

/** One field, by its path: `spec.visibility`, `labels.team`. Absent: it is not there. */
export interface Change {
  readonly field: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** All of what is not there yet. */
export function fieldsAdded({ project, labels, spec }: Declaration): readonly Change[] {
  return changesFrom({}, { ...withLabels(labels), ...(project === undefined ? {} : { project }), spec });
}

/**
 * Labels are compared as a whole when any are declared; of the spec, the fields that are declared. `changed`: those of the
 * spec that differ.
 */
export function differences(
  { labels, spec: declared }: Pick<Declaration, "labels" | "spec">,
  labelsNow: Readonly<Record<string, string>>,
  specNow: Readonly<Record<string, unknown>>,
): { readonly changes: readonly Change[]; readonly changed: Readonly<Record<string, unknown>> } {
  const spec = withMovedWeights(declared, specNow);
  const differing = Object.keys(spec).filter(
    (field) => canonical(comparable(field, spec[field])) !== canonical(comparable(field, specNow[field])),
  );
  const pick = (from: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(differing.map((field) => [field, from[field]]));
  const changed = pick(spec);
  const before = { ...(labels === undefined ? {} : { labels: labelsNow }), spec: pick(specNow) };
  return { changes: changesFrom(before, { ...withLabels(labels), spec: changed }), changed };
}

interface WithCanary {
  readonly canary?: { readonly variant: string };
  readonly split?: { readonly variants: readonly { readonly name: string; readonly to: string }[] };
}

/** What is declared of a canary says where its weights begin; where they are by now is the gateway's. */
function withMovedWeights(
  declared: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const [next, before] = [declared as WithCanary, now as WithCanary];
  const plain = ({ split }: WithCanary) =>
    canonical(split?.variants.map((one) => ({ ...one, weight: undefined })) as unknown);
  const isMoved = next.split !== undefined && next.canary !== undefined && before.split !== undefined;
  if (!isMoved || next.canary?.variant !== before.canary?.variant || plain(next) !== plain(before)) return declared;
  return { ...declared, split: { ...next.split, variants: before.split.variants } };
}

const PEM = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;

function plainPem(_key: string, value: unknown): unknown {
  return typeof value === "string" && value.includes("-----") ? value.match(PEM)?.join("").replace(/\s/g, "") : value;
}

/** In the one spelling of several that mean the same: the order of mounts and ports, an image's own tag, the network that each project has. */
function comparable(field: string, value: unknown): unknown {
  if (field === "image" && typeof value === "string") return value.includes(":") ? value : `${value}:latest`;
  if (field === "network") return value ?? "default";
  // What stands between the certificates of a file is for people.
  if (field === "match") return asCanonical(canonicalMatch, value);
  if (field === "backends") return asCanonical(canonicalBackends, value);
  if (field === "balance" && value !== undefined) return asCanonical(canonicalBalance, value);
  if (field === "sticky" && value) return asCanonical(canonicalSticky, value);
  if (field === "tags" && Array.isArray(value)) return [...new Set(value.map(canonical))].sort();
  if (field === "priority") return value ?? "normal";
  if (field === "limits") return asCanonical(canonicalLimits, value ?? {});
  if (field === "access") return asCanonical(canonicalAccess, value ?? {});
  if (field === "proxyProtocol") return value ?? "none";
  if (field === "redirectHttps") return value ?? false;
  if (field === "certificate" || field === "clientTls" || field === "upstreamTls")
    return JSON.parse(JSON.stringify(value ?? null), plainPem);
  if ((field !== "volumes" && field !== "publish") || !Array.isArray(value)) return value;
  return value.map(canonical).sort();
}

/** What cannot be read is left for the cloud to refuse. */
function asCanonical<T>(read: (value: T) => unknown, value: unknown): unknown {
  try {
    return read(value as T);
  } catch {
    return value;
  }
}

function withLabels(labels: Declaration["labels"]): Record<string, unknown> {
  return labels === undefined ? {} : { labels };
}

/** Of two maps, field by field. */
export function changesFrom(before: Record<string, unknown>, after: Record<string, unknown>): Change[] {
  const [old, fresh] = [fieldsOf(before), fieldsOf(after)];
  const names = [...new Set([...old.keys(), ...fresh.keys()])].sort();
  return names.flatMap((field) => {
    const [from, to] = [old.get(field), fresh.get(field)];
    if (canonical(from) === canonical(to)) return [];
    return [
      { field, ...(from === undefined ? {} : { before: from }), ...(to === undefined ? {} : { after: to }) },
    ] satisfies Change[];
  });
}

/** Leaves by their path; a list is a leaf. */
function fieldsOf(value: unknown, path = "", into = new Map<string, unknown>()): Map<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    if (value !== undefined) into.set(path, value);
    return into;
  }
  for (const [name, part] of Object.entries(value)) fieldsOf(part, path === "" ? name : `${path}.${name}`, into);
  return into;
}

/** Text that is equal when the values are, whatever the order of their members. */
function canonical(value: unknown): string | undefined {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
