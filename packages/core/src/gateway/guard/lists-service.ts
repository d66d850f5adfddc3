/** Lists of networks in the store, and which routes name them. */
import { SkerryError } from "../../domain/errors.ts";
import type { Route } from "../../domain/gateway.ts";
import { LIMITS } from "../../domain/limits.ts";
import { resourceKey } from "../../domain/resource.ts";
import { type AccessRules, type IpList, listsIn, parseIpList } from "../../domain/route-access.ts";
import type { Compare, Entry, Store } from "../../domain/store.ts";
import {
  type ChangeInProject,
  type Found,
  found,
  type KindRules,
  type NewInProject,
  ProjectResources,
  type ProjectResourcesOptions,
} from "../project-resources.ts";

export interface IpListEntry {
  readonly list: IpList;
  readonly revision: number;
}

const RULES: KindRules = {
  kind: "iplist",
  mostOfProject: LIMITS.gateway.maxIpListsPerProject,
  takenHint: (name) => `To put other networks in it: skerry iplist update ${name} --from-file FILE`,
  together: {
    lengthOf: (list) => (list as IpList).spec.entries.length,
    most: LIMITS.gateway.maxIpListsLength,
  },
};

export interface NewIpList extends NewInProject {
  readonly entries: string;
}

export interface IpListChange extends ChangeInProject {
  readonly entries?: string;
}

export class IpListService {
  readonly #store: Store;
  readonly #lists: ProjectResources<IpList>;

  constructor(options: ProjectResourcesOptions) {
    this.#store = options.store;
    this.#lists = new ProjectResources(RULES, options);
  }

  async find(project: string, name: string): Promise<IpListEntry | undefined> {
    const entry = await this.#lists.find(project, name);
    return entry && named(entry);
  }

  /** @throws `invalid`, `conflict/exists`, `exhausted/quota`, `not_found` (the project is being deleted). */
  async create(input: NewIpList): Promise<IpListEntry> {
    const { entries } = input;
    const make = (meta: IpList["meta"]): IpList => {
      parseIpList(entries);
      return { kind: "iplist", meta, spec: { entries } };
    };
    return named(await this.#lists.create(input, make));
  }

  /** @throws `invalid`, `not_found`, `conflict/precondition`, `exhausted/quota`. */
  async update(project: string, name: string, change: IpListChange): Promise<IpListEntry> {
    const next = (before: IpList, meta: IpList["meta"]): IpList => {
      const { entries = before.spec.entries } = change;
      parseIpList(entries);
      return { ...before, meta, spec: { entries } };
    };
    return named(await this.#lists.update(project, name, change, next));
  }

  /** Gives the revision. @throws `not_found`, `conflict` (a route names it). */
  delete(project: string, name: string): Promise<number> {
    return this.#lists.delete(project, name, () => this.#assertUnused(project, name));
  }

  /** A route that is made at this moment lets nobody in, and says why. */
  async #assertUnused(project: string, name: string): Promise<void> {
    const { entries } = await this.#store.list({ prefix: `/route/${project}/` });
    const routes = entries.map(({ value }) => value as unknown as Route);
    const user = routes.find(({ spec }) => listsIn(spec.access).includes(name));
    if (user === undefined) return;
    throw new SkerryError("conflict", `The route ${user.meta.name} names the iplist ${name}.`, {
      hint: `Take it from there first: skerry route update ${user.meta.name} --access all`,
    });
  }
}

/** What must hold for a route to name these lists. @throws `invalid` (one is not there). */
export async function expectLists(store: Store, project: string, rules: AccessRules | undefined): Promise<Compare[]> {
  const compare: Compare[] = [];
  for (const name of listsIn(rules)) {
    const key = resourceKey("iplist", project, name);
    const entry = await store.get(key);
    if (entry === undefined) {
      throw new SkerryError("invalid", `There is no iplist ${name} in the route's project.`, {
        hint: `Make it first: skerry iplist create ${name} --from-file FILE`,
        details: { field: "spec.access" },
      });
    }
    compare.push({ key, modRevision: entry.modRevision });
  }
  return compare;
}

export function toIpList(entry: Entry): IpListEntry {
  return named(found(entry));
}

function named({ resource: list, revision }: Found<IpList>): IpListEntry {
  return { list, revision };
}
