/**
 * The port of the revisioned store: everything declared lives here (model of etcd v3: one revision counter, compare-then
 * transactions, watch from a revision). Nothing is acknowledged or seen by readers and watchers before it is durable.
 */

/** A JSON value. What is stored is a deep copy: later changes of the argument or of a result touch nothing. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface Entry {
  readonly key: string;
  readonly value: Json;
  readonly labels: Readonly<Record<string, string>>;
  /** Revision at which the key came into being (after the last delete). */
  readonly createRevision: number;
  /** Revision of the last change. */
  readonly modRevision: number;
  /** Changes since creation; 1 after the first put. */
  readonly version: number;
  readonly lease?: string;
}

/** Holds when every given field holds. A missing key has version 0, modRevision 0 and no value. */
export interface Compare {
  readonly key: string;
  /** Equal to the key's last change; 0 = the key is absent. */
  readonly modRevision?: number;
  readonly version?: number;
  /** Deep equality. */
  readonly value?: Json;
}

export type Op =
  | {
      readonly op: "put";
      readonly key: string;
      readonly value: Json;
      readonly labels?: Readonly<Record<string, string>>;
      readonly lease?: string;
    }
  | { readonly op: "delete"; readonly key: string }
  | { readonly op: "delete-prefix"; readonly prefix: string }
  | { readonly op: "get"; readonly key: string };

export interface Transaction {
  readonly compare?: readonly Compare[];
  /** Done when all compares hold. A key may be written at most once. */
  readonly then: readonly Op[];
  /** Done when one does not. */
  readonly otherwise?: readonly Op[];
}

export interface TransactionResult {
  readonly succeeded: boolean;
  /** The store's revision after it; a transaction that wrote nothing does not move it. */
  readonly revision: number;
  /** Per operation of the branch taken: the entry after a put or get, the removed one after a delete. */
  readonly results: readonly (Entry | undefined)[];
}

/** Label selector: all must hold. */
export type Selector = readonly (
  | { readonly key: string; readonly in: readonly string[] }
  | { readonly key: string; readonly notIn: readonly string[] }
  | { readonly key: string; readonly exists: boolean }
)[];

export interface ListOptions {
  readonly prefix: string;
  readonly selector?: Selector;
  /** Default and most: `LIMITS.store.maxPageEntries`. */
  readonly limit?: number;
  /** Continue after this key (with the revision of the first page). */
  readonly after?: string;
  /** Default: the newest. */
  readonly revision?: number;
}

export interface Page {
  readonly entries: readonly Entry[];
  /** The revision that the page shows. Pass it on to see the next page as of the same moment. */
  readonly revision: number;
  /** Pass as `after`; absent on the last page. */
  readonly next?: string;
}

interface WatchPart {
  readonly revision: number;
  /** The next event is of the same transaction. */
  readonly more?: true;
}

export type WatchEvent =
  | (WatchPart & { readonly type: "put"; readonly entry: Entry; readonly previous?: Entry })
  /** `previous` is the entry that went. */
  | (WatchPart & { readonly type: "delete"; readonly key: string; readonly previous: Entry })
  /** Nothing at or before `revision` will come any more. */
  | { readonly type: "progress"; readonly revision: number };

export interface WatchOptions {
  readonly prefix: string;
  /** First revision of interest: a list at revision R is continued with `from: R + 1`. Default: what comes now. */
  readonly from?: number;
  /** A `progress` event at least so often, and one when history has been replayed. Default: none. */
  readonly progressMs?: number;
  readonly signal?: AbortSignal;
}

export interface Lease {
  readonly id: string;
  readonly ttlMs: number;
}

export interface Store extends AsyncDisposable {
  /** The newest durable revision. 0 = nothing was ever written. */
  readonly revision: number;
  /** @throws `conflict/compacted` when `revision` is older than the last compaction, `invalid` when in the future. */
  get(key: string, options?: { revision?: number }): Promise<Entry | undefined>;
  /** Keys in the order of their UTF-8 bytes. @throws as `get`. */
  list(options: ListOptions): Promise<Page>;
  /** @throws `invalid` (shape, size), `exhausted/overload` (queue), `unavailable/closed` (a write failed before). */
  transact(transaction: Transaction): Promise<TransactionResult>;
  /**
   * Events in the order of revisions, those of one transaction next to each other, without gap or duplicate. Ends when the
   * signal aborts or the store closes. @throws `conflict/compacted` when `from` is compacted, or when the watcher is too
   * slow for its buffer: list again and go on from there.
   */
  watch(options: WatchOptions): AsyncIterable<WatchEvent>;
  /**
   * Keys put under a lease are deleted when it ends. Grants are durable, the time left is in memory: after a restart
   * every lease has its whole `ttlMs` again.
   */
  grantLease(ttlMs: number): Promise<Lease>;
  /** @throws `not_found` when it has ended. */
  keepLeaseAlive(id: string): Promise<void>;
  revokeLease(id: string): Promise<void>;
  /** History before `revision` goes; reads at or after it stay. @throws `conflict/compacted`, `invalid` as `get`. */
  compact(revision: number): Promise<void>;
  /** Why the store takes no more writes; absent while it does. */
  readonly failure?: Error | undefined;
}
