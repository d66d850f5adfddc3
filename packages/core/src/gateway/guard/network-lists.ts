/** The lists of networks that routes name, once for all routes. */
import { type EncodedSet, NetworkSet } from "./network-set.ts";

/** As it crosses the control pipe. */
export interface EncodedList extends EncodedSet {
  /** Uid of the list. */
  readonly id: string;
}

/** By uid. */
export class NetworkLists {
  readonly #sets = new Map<string, NetworkSet>();

  get(id: string): NetworkSet | undefined {
    return this.#sets.get(id);
  }

  set(id: string, set: NetworkSet): void {
    this.#sets.set(id, set);
  }

  delete(id: string): void {
    this.#sets.delete(id);
  }

  apply(put: readonly EncodedList[], remove: readonly string[] = []): void {
    for (const list of put) this.#sets.set(list.id, NetworkSet.decode(list));
    for (const id of remove) this.#sets.delete(id);
  }

  encodeAll(): readonly EncodedList[] {
    return [...this.#sets].map(([id, set]) => ({ id, ...set.encode() }));
  }
}
