/** What of a transaction is a change of the gateway, and what is kept of the things that it changes. */
import { createHash } from "node:crypto";
import { LIMITS } from "../../domain/limits.ts";
import type { Resource } from "../../domain/resource.ts";
import type { Entry, Json, Op } from "../../domain/store.ts";

/** Kinds that the gateway runs, in the order in which they are made: what others name comes before them. */
export const HISTORY_KINDS = ["iplist", "certificate", "upstream", "route"] as const;
export type HistoryKind = (typeof HISTORY_KINDS)[number];

export interface KeyChange {
  /** Of the store. */
  readonly key: string;
  readonly kind: HistoryKind;
  readonly name: string;
  /** Of what is there after it; of what went, when nothing is. */
  readonly uid: string;
  readonly result: "created" | "updated" | "deleted";
}

/** What a thing was. */
export interface Kept {
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As the store has it, without the key of a certificate. */
  readonly spec: Readonly<Record<string, Json>>;
  /** SHA-256 of a spec that is too large to be kept; then `spec` is empty. */
  readonly digest?: string;
}

interface Place {
  readonly kind: HistoryKind;
  readonly project: string;
  readonly name: string;
}

/** Of a key of one of the kinds. */
export function placeIn(key: string): Place {
  const [, kind = "", project = "", name = ""] = key.split("/");
  return { kind: kind as HistoryKind, project, name };
}

/** Puts and deletes of the kinds. `value` undefined: it is deleted. */
export function changesIn(ops: readonly Op[]): readonly { readonly key: string; readonly value: Json | undefined }[] {
  return ops.flatMap((op) => {
    if (op.op !== "put" && op.op !== "delete") return [];
    if (!HISTORY_KINDS.some((kind) => op.key.startsWith(`/${kind}/`))) return [];
    return [{ key: op.key, value: op.op === "put" ? op.value : undefined }];
  });
}

/** As it is written down. */
export function boundedKept(kept: Kept): Kept {
  if (JSON.stringify(kept.spec).length <= LIMITS.history.maxKeptBytes) return kept;
  return { ...kept, spec: {}, digest: digestOf(kept) };
}

/** Equal for equal specs. */
export function digestOf({ spec, digest }: Kept): string {
  return digest ?? createHash("sha256").update(JSON.stringify(spec)).digest("hex");
}

export function keptOf(entry: Pick<Entry, "key" | "value"> | undefined): Kept | undefined {
  if (entry === undefined) return undefined;
  const { meta, spec } = entry.value as unknown as Resource<Record<string, Json>>;
  const { sealedKey: _, ...shown } = spec;
  return { uid: meta.uid, labels: meta.labels, spec: shown };
}
