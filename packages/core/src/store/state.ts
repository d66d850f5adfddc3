/**
 * The multi-version state in memory: for each key its versions, for each revision its events. It holds revisions that are
 * not durable yet; whoever reads says up to which revision.
 */
import type { Compare, Entry, WatchEvent } from "../domain/store.ts";
import { sameJson } from "./json.ts";
import { KeyIndex } from "./order.ts";
import type { StagedOp } from "./validate.ts";

export type Change = Exclude<WatchEvent, { type: "progress" }>;

/** One revision: where its record is in the log, how long that is, and what it changed. */
export interface Revision {
  readonly revision: number;
  readonly seq: number;
  readonly sizeBytes: number;
  readonly changes: readonly Change[];
}

interface Tombstone {
  readonly modRevision: number;
  readonly key?: undefined;
}

type Version = Entry | Tombstone;

export interface Staged {
  readonly results: readonly (Entry | undefined)[];
  readonly changes: readonly Change[];
}

export class State {
  readonly #versions = new Map<string, Version[]>();
  readonly #keys = new KeyIndex();
  /** `#history[i]` is revision `#base + 1 + i`. */
  #history: Revision[] = [];
  #base = 0;
  #head = 0;

  /** State before the oldest revision of the history. */
  get base(): number {
    return this.#base;
  }

  /** The newest revision, durable or not. */
  get head(): number {
    return this.#head;
  }

  get keyCount(): number {
    return this.#keys.size;
  }

  /** Begins with a snapshot. Only on an empty state. */
  restore(base: number, entries: Iterable<Entry>): void {
    this.#base = base;
    this.#head = base;
    for (const entry of entries) this.#push(entry.key, entry);
  }

  /** The entry as of `revision`. */
  get(key: string, revision: number): Entry | undefined {
    const versions = this.#versions.get(key);
    if (!versions) return undefined;
    let at = versions.length - 1;
    // Nearly always the newest or the one before.
    while (at >= 0 && (versions[at] as Version).modRevision > revision) at--;
    const version = versions[at];
    return version?.key === undefined ? undefined : version;
  }

  /** Entries as of `revision` in the order of keys. Do not change the state while reading. */
  *range(prefix: string, revision: number, after?: string): Generator<Entry, void, undefined> {
    for (const key of this.#keys.range(prefix, after)) {
      const entry = this.get(key, revision);
      if (entry) yield entry;
    }
  }

  holds(compare: Compare): boolean {
    const entry = this.get(compare.key, this.#head);
    if (compare.modRevision !== undefined && compare.modRevision !== (entry?.modRevision ?? 0)) return false;
    if (compare.version !== undefined && compare.version !== (entry?.version ?? 0)) return false;
    return compare.value === undefined || (entry !== undefined && sameJson(entry.value, compare.value));
  }

  /** Does the operations as the next revision; the head moves when one of them changed something. */
  apply(ops: readonly StagedOp[], seq: number, sizeBytes: number): Staged {
    const revision = this.#head + 1;
    const changes: Change[] = [];
    const results = ops.map((op) => {
      if (op.op === "get") return this.get(op.key, revision);
      if (op.op === "put") return this.#put(op, revision, changes);
      if (op.op === "delete") return this.#delete(op.key, revision, changes);
      for (const entry of [...this.range(op.prefix, revision)]) this.#delete(entry.key, revision, changes);
      return undefined;
    });
    if (changes.length > 0) {
      this.#head = revision;
      this.#history.push({ revision, seq, sizeBytes, changes: Object.freeze(changes) });
    }
    return { results, changes };
  }

  /** The revision's record; `undefined` when it is compacted or to come. */
  at(revision: number): Revision | undefined {
    return this.#history[revision - this.#base - 1];
  }

  /** Forgets what only reads at or before `base` need; the state as of `base` itself stays. */
  prune(base: number): void {
    const dropped = this.#history.splice(0, base - this.#base);
    this.#base = base;
    // Each key once: one that changes all the time has as many versions as there are revisions.
    const touched = new Set<string>();
    for (const { changes } of dropped) {
      for (const change of changes) touched.add(change.type === "put" ? change.entry.key : change.key);
    }
    for (const key of touched) if (!this.#pruneKey(key, base)) touched.delete(key);
    this.#keys.remove(touched);
  }

  /** True when nothing of the key is left. */
  #pruneKey(key: string, base: number): boolean {
    const versions = this.#versions.get(key);
    if (!versions) return false;
    let keep = versions.findLastIndex((version) => version.modRevision <= base);
    if (keep < 0) return false;
    // A deletion needs no trace once everything before it is gone.
    if (versions[keep]?.key === undefined) keep++;
    if (keep === versions.length) {
      this.#versions.delete(key);
      return true;
    }
    if (keep > 0) versions.splice(0, keep);
    return false;
  }

  #put(op: Extract<StagedOp, { op: "put" }>, revision: number, changes: Change[]): Entry {
    const previous = this.get(op.key, revision);
    const entry: Entry = Object.freeze({
      key: op.key,
      value: op.value,
      labels: op.labels,
      createRevision: previous?.createRevision ?? revision,
      modRevision: revision,
      version: (previous?.version ?? 0) + 1,
      ...(op.lease === undefined ? {} : { lease: op.lease }),
    });
    this.#push(op.key, entry);
    changes.push(Object.freeze({ type: "put", revision, entry, ...(previous ? { previous } : {}) }));
    return entry;
  }

  #delete(key: string, revision: number, changes: Change[]): Entry | undefined {
    const previous = this.get(key, revision);
    if (!previous) return undefined;
    this.#push(key, { modRevision: revision });
    changes.push(Object.freeze({ type: "delete", revision, key, previous }));
    return previous;
  }

  #push(key: string, version: Version): void {
    const versions = this.#versions.get(key);
    if (versions) versions.push(version);
    else {
      this.#versions.set(key, [version]);
      this.#keys.add(key);
    }
  }
}
