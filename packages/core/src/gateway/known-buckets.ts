/** The buckets as the store has them at this moment, by name. */
import type { Bucket } from "../domain/objects.ts";
import type { Entry } from "../domain/store.ts";
import type { BucketFacts } from "./compile.ts";

export class KnownBuckets {
  /** By key of the store. */
  readonly #all = new Map<string, BucketFacts & { readonly name: string }>();
  readonly #byName = new Map<string, BucketFacts>();

  named(name: string): BucketFacts | undefined {
    return this.#byName.get(name);
  }

  /** Gives its name. */
  put(entry: Entry): string {
    const { meta, spec } = entry.value as unknown as Bucket;
    const facts = { uid: meta.uid, project: meta.project, visibility: spec.visibility };
    this.#all.set(entry.key, { ...facts, name: meta.name });
    this.#byName.set(meta.name, facts);
    return meta.name;
  }

  /** Gives the name that it had; undefined: it was not there. */
  drop(key: string): string | undefined {
    const bucket = this.#all.get(key);
    if (bucket === undefined) return undefined;
    this.#all.delete(key);
    if (this.#byName.get(bucket.name)?.uid === bucket.uid) this.#byName.delete(bucket.name);
    return bucket.name;
  }

  clear(): void {
    this.#all.clear();
    this.#byName.clear();
  }
}
