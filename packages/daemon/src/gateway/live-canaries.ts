/** Which routes of the table have a canary that is to be looked after. */
import type { CanaryPlace } from "@skerry/core/gateway/canary/controller.ts";
import type { TableChange } from "@skerry/core/gateway/table-change.ts";

export class LiveCanaries {
  readonly #onNew: () => void;
  /** By uid of the route. */
  readonly #places = new Map<string, CanaryPlace>();

  /** `onNew`: there is one that was not there, or has changed. */
  constructor(onNew: () => void) {
    this.#onNew = onNew;
  }

  get all(): readonly CanaryPlace[] {
    return [...this.#places.values()];
  }

  take({ put, remove }: TableChange): void {
    for (const uid of remove) this.#places.delete(uid);
    for (const { id, project, name, split } of put) {
      this.#places.delete(id);
      if (split?.isMoving !== true || project === undefined || name === undefined) continue;
      this.#places.set(id, { uid: id, project, name });
      this.#onNew();
    }
  }
}
