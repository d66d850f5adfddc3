/** Upstreams as the store has them at this moment. */
import type { Entry } from "../../domain/store.ts";
import type { UpstreamResource } from "../../domain/upstreams.ts";

export class LiveUpstreams {
  readonly #byKey = new Map<string, UpstreamResource>();
  readonly #byUid = new Map<string, UpstreamResource>();

  /** In an order that stays while they do. */
  get all(): Iterable<UpstreamResource> {
    return this.#byUid.values();
  }

  /** By its key of the store. */
  get(key: string | undefined): UpstreamResource | undefined {
    return key === undefined ? undefined : this.#byKey.get(key);
  }

  find(uid: string): UpstreamResource | undefined {
    return this.#byUid.get(uid);
  }

  /** Instead of all that were there. */
  replace(entries: readonly Entry[]): void {
    const kept = new Set(entries.map(({ key }) => key));
    for (const key of this.#byKey.keys()) if (!kept.has(key)) this.drop(key);
    for (const { key, value } of entries) this.put(key, value);
  }

  put(key: string, value: Entry["value"]): void {
    const upstream = value as unknown as UpstreamResource;
    const before = this.#byKey.get(key)?.meta.uid;
    if (before !== undefined && before !== upstream.meta.uid) this.#byUid.delete(before);
    this.#byKey.set(key, upstream);
    this.#byUid.set(upstream.meta.uid, upstream);
  }

  drop(key: string): void {
    const before = this.#byKey.get(key);
    if (before !== undefined) this.#byUid.delete(before.meta.uid);
    this.#byKey.delete(key);
  }
}
