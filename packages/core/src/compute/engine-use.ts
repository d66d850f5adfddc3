/**
 * Which projects have anything in the engine, so that nothing of them stays there when they go. Images are known to the
 * engine alone: without this, deleting a project would need an engine also where there has never been one.
 */
import { isError } from "../domain/errors.ts";
import type { Compare, Op, Store } from "../domain/store.ts";
import type { Logger } from "../domain/telemetry.ts";
import type { Images } from "./images.ts";
import type { ProjectNetworks } from "./networks.ts";

export interface EngineUseOptions {
  readonly store: Store;
  readonly images: Images;
  readonly networks: ProjectNetworks;
  readonly log: Logger;
}

/** The key that says so of a project. */
function useKey(project: string): string {
  return `/engine-use/${project}`;
}

export class EngineUse {
  readonly #options: EngineUseOptions;

  constructor(options: EngineUseOptions) {
    this.#options = options;
  }

  /** What is written with the first thing of a project, before the engine is asked for it. */
  async note(project: string): Promise<readonly Op[]> {
    return (await this.holds(project)) ? [] : [{ op: "put", key: useKey(project), value: {} }];
  }

  /** The same by itself, while `compare` holds. False when it does not. */
  async noteWhile(project: string, compare: readonly Compare[]): Promise<boolean> {
    const then = await this.note(project);
    return (await this.#options.store.transact({ compare: [...compare], then: [...then] })).succeeded;
  }

  async holds(project: string): Promise<boolean> {
    return (await this.#options.store.get(useKey(project))) !== undefined;
  }

  /** For a project that goes and owns no resource any more. @throws as the engine; nothing is lost then. */
  async clear(project: string): Promise<void> {
    const { store, images, networks, log } = this.#options;
    if (!(await this.holds(project))) return;
    try {
      await networks.removeAll(project);
      await images.removeAll(project);
      await store.transact({ then: [{ op: "delete", key: useKey(project) }] });
      // An image that came meanwhile: whoever loads one looks afterwards whether the project is still there.
      await images.removeAll(project);
    } catch (error) {
      if (!isError(error, "unsupported")) throw error;
      // Whoever took the engine away has taken what was in it, or will not want to wait for it.
      log.warn({ project, error }, "the engine is not there any more: what it has of a project that goes stays in it");
      await store.transact({ then: [{ op: "delete", key: useKey(project) }] });
    }
  }
}
