/** The store as a child would write it: one complete copy of everything for each revision. For the contract's properties. */
import assert from "node:assert/strict";
import type { Compare, Entry, Json, Op, Selector, Transaction } from "../domain/store.ts";

type Snapshot = ReadonlyMap<string, Entry>;

export interface ModelEvent {
  readonly type: "put" | "delete";
  readonly revision: number;
  readonly key: string;
}

export class Model {
  /** Index = revision. */
  readonly #snapshots: Snapshot[] = [new Map()];
  readonly #events: ModelEvent[] = [];
  oldest = 0;

  get revision(): number {
    return this.#snapshots.length - 1;
  }

  transact({ compare = [], then, otherwise = [] }: Transaction) {
    const now = this.at(this.revision);
    const succeeded = compare.every((one) => holds(one, now.get(one.key)));
    const next = new Map(now);
    const revision = this.revision + 1;
    const events: ModelEvent[] = [];
    const results = (succeeded ? then : otherwise).map((op) => step(op, next, revision, events));
    if (events.length > 0) {
      this.#snapshots.push(next);
      this.#events.push(...events);
    }
    return { succeeded, revision: this.revision, results };
  }

  at(revision: number): Snapshot {
    const snapshot = this.#snapshots[revision];
    assert.ok(snapshot, `the model has no revision ${revision}`);
    return snapshot;
  }

  list(prefix: string, revision: number, selector: Selector): Entry[] {
    return [...this.at(revision).values()]
      .filter((entry) => entry.key.startsWith(prefix) && selector.every((term) => selects(term, entry.labels)))
      .sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  }

  /** Keys of one revision in any order. */
  events(prefix: string, from: number): ModelEvent[] {
    return this.#events.filter((event) => event.revision >= from && event.key.startsWith(prefix));
  }
}

function step(op: Op, state: Map<string, Entry>, revision: number, events: ModelEvent[]): Entry | undefined {
  if (op.op === "get") return state.get(op.key);
  if (op.op === "put") {
    const old = state.get(op.key);
    const entry: Entry = {
      key: op.key,
      value: JSON.parse(JSON.stringify(op.value)) as Json,
      labels: op.labels ?? {},
      createRevision: old ? old.createRevision : revision,
      modRevision: revision,
      version: old ? old.version + 1 : 1,
    };
    state.set(op.key, entry);
    events.push({ type: "put", revision, key: op.key });
    return entry;
  }
  const keys = op.op === "delete" ? [op.key] : [...state.keys()].filter((key) => key.startsWith(op.prefix));
  const gone = op.op === "delete" ? state.get(op.key) : undefined;
  for (const key of keys) if (state.delete(key)) events.push({ type: "delete", revision, key });
  return gone;
}

function holds(compare: Compare, entry: Entry | undefined): boolean {
  if (compare.modRevision !== undefined && compare.modRevision !== (entry ? entry.modRevision : 0)) return false;
  if (compare.version !== undefined && compare.version !== (entry ? entry.version : 0)) return false;
  if (compare.value === undefined) return true;
  return entry !== undefined && JSON.stringify(entry.value) === JSON.stringify(compare.value);
}

function selects(term: Selector[number], labels: Readonly<Record<string, string>>): boolean {
  const has = Object.keys(labels).includes(term.key);
  if ("exists" in term) return has === term.exists;
  const value = labels[term.key] ?? "";
  return "in" in term ? has && term.in.includes(value) : !has || !term.notIn.includes(value);
}
