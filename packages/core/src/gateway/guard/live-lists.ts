/** The lists of networks as the store has them at this moment, read once for all routes that name them. */
import { resourceKey } from "../../domain/resource.ts";
import { type IpList, parseIpList } from "../../domain/route-access.ts";
import { type EncodedList, NetworkLists } from "./network-lists.ts";
import { NetworkSet } from "./network-set.ts";

/** What has changed, for the workers. */
export interface ListChange {
  readonly putLists: readonly EncodedList[];
  /** Uids. */
  readonly removeLists: readonly string[];
}

export class LiveLists {
  readonly sets = new NetworkLists();
  /** Uid by key of the store. */
  readonly #ids = new Map<string, string>();

  get keys(): readonly string[] {
    return [...this.#ids.keys()];
  }

  idOf(project: string, name: string): string | undefined {
    return this.#ids.get(resourceKey("iplist", project, name));
  }

  /** @throws `invalid` (it cannot be read: it is left as it was). */
  put(key: string, { meta, spec }: IpList): ListChange {
    const set = NetworkSet.of(parseIpList(spec.entries));
    const before = this.#ids.get(key);
    const removeLists = before === undefined || before === meta.uid ? [] : this.drop(key).removeLists;
    this.#ids.set(key, meta.uid);
    this.sets.set(meta.uid, set);
    return { putLists: [{ id: meta.uid, ...set.encode() }], removeLists };
  }

  drop(key: string): ListChange {
    const id = this.#ids.get(key);
    if (id === undefined) return { putLists: [], removeLists: [] };
    this.#ids.delete(key);
    this.sets.delete(id);
    return { putLists: [], removeLists: [id] };
  }
}
