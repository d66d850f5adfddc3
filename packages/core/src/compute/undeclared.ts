/**
 * Containers of this cloud that the engine has and nobody declares: made after the backup that was restored. They are told
 * of and left alone: what is in them nobody else has.
 */
import { SkerryError } from "../domain/errors.ts";
import type { Store } from "../domain/store.ts";
import type { ContainerCache } from "./cache.ts";
import type { Engine } from "./engine.ts";
import { CLUSTER_LABEL, UID_LABEL } from "./names.ts";

/** So many are named. */
const MAX_NAMED = 5;

export interface UndeclaredOptions {
  readonly store: Store;
  readonly engine: Engine;
  readonly cluster: string;
  readonly cache: ContainerCache;
}

export class Undeclared {
  readonly #options: UndeclaredOptions;
  #seen: ReadonlySet<string> = new Set();
  #told: readonly string[] = [];

  constructor(options: UndeclaredOptions) {
    this.#options = options;
  }

  /** In sentences that say what to do. */
  problems(): readonly string[] {
    const [one, ...others] = this.#told;
    if (one === undefined) return [];
    const names = [one, ...others].slice(0, MAX_NAMED).join(" ");
    const more = this.#told.length > MAX_NAMED ? ` (and ${this.#told.length - MAX_NAMED} more)` : "";
    const what = others.length === 0 ? "A container is" : `${this.#told.length} containers are`;
    return [
      `${what} in the engine that nobody has declared, made after the backup that was restored, it seems: ${names}${more}. ` +
        `What is in there is left alone: docker logs and docker cp show it. To remove: docker rm -f ${names}`,
    ];
  }

  /** Those that were seen the last time, too: one that goes is gone from the engine a moment after. Never rejects. */
  async look(): Promise<void> {
    const { engine, cluster, cache } = this.#options;
    try {
      if (cache.keys().length === 0 && !(await this.#hasUsed())) return;
      const found = await engine.containers(CLUSTER_LABEL, cluster);
      const names = found.flatMap(({ name, labels }) =>
        cache.keyOf(labels[UID_LABEL] ?? "") === undefined ? [name] : [],
      );
      this.#told = names.filter((name) => this.#seen.has(name)).sort();
      this.#seen = new Set(names);
    } catch (error) {
      // An engine that does not answer is told of elsewhere.
      if (!(error instanceof SkerryError)) throw error;
    }
  }

  /** Who has never had a container needs no engine, and does not load its client. */
  async #hasUsed(): Promise<boolean> {
    return (await this.#options.store.list({ prefix: "/engine-use/", limit: 1 })).entries.length > 0;
  }
}
