/** Routes that a worker could not compile: it goes on with them as they were. The daemon looks first, so there should be none. */
import { SkerryError } from "@skerry/core/domain/errors.ts";

interface Refusal {
  readonly generation: number;
  readonly why: string;
}

export class RefusedRoutes {
  /** By uid. */
  readonly #all = new Map<string, Refusal>();

  take(generation: number, routes: Readonly<Record<string, string>>): void {
    for (const [id, why] of Object.entries(routes)) this.#all.set(id, { generation, why });
  }

  /** They are others now, or gone. */
  forget(put: readonly { readonly id: string }[], remove: readonly string[]): void {
    if (this.#all.size === 0) return;
    for (const id of [...put.map((entry) => entry.id), ...remove]) this.#all.delete(id);
  }

  /** @throws `internal` when something of the generation was refused. */
  assertNone(generation: number): void {
    const [first] = [...this.#all.values()].filter((one) => one.generation === generation);
    if (first === undefined) return;
    throw new SkerryError("internal", `The change is stored, and gateway workers cannot run it: ${first.why}`, {
      hint: "They go on with what they had. Take the change back: skerry gateway history, skerry gateway rollback N",
    });
  }

  problems(): readonly string[] {
    const [first] = this.#all.values();
    if (first === undefined) return [];
    return [`Gateway workers cannot run ${this.#all.size} routes as they are declared: ${first.why}`];
  }
}
