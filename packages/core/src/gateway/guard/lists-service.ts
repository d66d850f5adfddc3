/** Lists of networks in the store, and which routes name them. */
import { SkerryError } from "../../domain/errors.ts";
import type { Route } from "../../domain/gateway.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Clock, Random } from "../../domain/ports.ts";
import { assertName, CLOUD, newMeta, type Resource, resourceKey, touchMeta } from "../../domain/resource.ts";
import { type AccessRules, type IpList, listsIn, parseIpList } from "../../domain/route-access.ts";
import type { Compare, Entry, Json, Op, Store } from "../../domain/store.ts";
import { Turns } from "../../domain/turns.ts";

export interface IpListEntry {
  readonly list: IpList;
  readonly revision: number;
}

export interface NewIpList {
  readonly name: string;
  /** Uid and name of the project that it comes into. */
  readonly project: string;
  readonly projectName: string;
  readonly entries: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface IpListChange {
  readonly entries?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Refuse when it has changed since. */
  readonly revision?: number;
}

export interface IpListServiceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}

export class IpListService {
  readonly #options: IpListServiceOptions;
  /** What one project changes goes one after another: it is counted. */
  readonly #turns = new Turns();

  constructor(options: IpListServiceOptions) {
    this.#options = options;
  }

  async find(project: string, name: string): Promise<IpListEntry | undefined> {
    const entry = await this.#options.store.get(resourceKey("iplist", project, name));
    return entry === undefined ? undefined : toIpList(entry);
  }

  /** @throws `invalid`, `conflict/exists`, `exhausted/quota`, `not_found` (the project is being deleted). */
  create(input: NewIpList): Promise<IpListEntry> {
    return this.#turns.take(input.project, () => this.#create(input));
  }

  async #create({ name, project, projectName, entries, labels }: NewIpList): Promise<IpListEntry> {
    const { store } = this.#options;
    assertName(name, "iplist");
    parseIpList(entries);
    const meta = newMeta({ name, project, ...(labels === undefined ? {} : { labels }) }, this.#options);
    const list: IpList = { kind: "iplist", meta, spec: { entries } };
    const key = resourceKey("iplist", project, name);
    const owner = await store.get(resourceKey("project", CLOUD, projectName));
    if (owner === undefined || !takesResources(owner, project)) throw noProject(projectName);
    if ((await store.get(key)) !== undefined) throw nameTaken(name);
    await this.#assertRoom(project);
    const { succeeded, revision } = await store.transact({
      compare: [
        { key, modRevision: 0 },
        { key: owner.key, modRevision: owner.modRevision },
      ],
      then: [put(key, list)],
    });
    if (succeeded) return { list, revision };
    if ((await store.get(key)) === undefined) throw noProject(projectName);
    throw nameTaken(name);
  }

  /** @throws `invalid`, `not_found`, `conflict/precondition`. */
  update(project: string, name: string, change: IpListChange): Promise<IpListEntry> {
    return this.#turns.take(project, async () => {
      const { list: before, revision } = await this.#expect(project, name);
      if (change.revision !== undefined && change.revision !== revision) throw hasChanged(name);
      const { entries = before.spec.entries } = change;
      parseIpList(entries);
      const meta = touchMeta(before.meta, this.#options.clock, change.labels);
      const list: IpList = { ...before, meta, spec: { entries } };
      const key = resourceKey("iplist", project, name);
      const result = await this.#options.store.transact({
        compare: [{ key, modRevision: revision }],
        then: [put(key, list)],
      });
      if (!result.succeeded) throw hasChanged(name);
      return { list, revision: result.revision };
    });
  }

  /** Gives the revision. @throws `not_found`, `conflict` (a route names it). */
  delete(project: string, name: string): Promise<number> {
    return this.#turns.take(project, async () => {
      const { revision } = await this.#expect(project, name);
      await this.#assertUnused(project, name);
      const key = resourceKey("iplist", project, name);
      const result = await this.#options.store.transact({
        compare: [{ key, modRevision: revision }],
        then: [{ op: "delete", key }],
      });
      if (!result.succeeded) throw hasChanged(name);
      return result.revision;
    });
  }

  async #expect(project: string, name: string): Promise<IpListEntry> {
    const found = await this.find(project, name);
    if (found === undefined) throw new SkerryError("not_found", `There is no iplist ${name}.`);
    return found;
  }

  /** A route that is made at this moment lets nobody in, and says why. */
  async #assertUnused(project: string, name: string): Promise<void> {
    const { entries } = await this.#options.store.list({ prefix: `/route/${project}/` });
    const routes = entries.map(({ value }) => value as unknown as Route);
    const user = routes.find(({ spec }) => listsIn(spec.access).includes(name));
    if (user === undefined) return;
    throw new SkerryError("conflict", `The route ${user.meta.name} names the iplist ${name}.`, {
      hint: `Take it from there first: skerry route update ${user.meta.name} --access all`,
    });
  }

  async #assertRoom(project: string): Promise<void> {
    const limit = LIMITS.gateway.maxIpListsPerProject;
    const { entries } = await this.#options.store.list({ prefix: `/iplist/${project}/`, limit });
    if (entries.length < limit) return;
    throw new SkerryError("exhausted/quota", `The project has ${limit} iplists, the most that one may have.`, {
      hint: "Remove some first: skerry iplist rm NAME.",
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
  return { list: entry.value as unknown as IpList, revision: entry.modRevision };
}

function put(key: string, list: IpList): Op {
  return { op: "put", key, value: list as unknown as Json, labels: list.meta.labels };
}

function takesResources(entry: Entry, uid: string): boolean {
  const { meta } = entry.value as unknown as Resource<unknown>;
  return meta.uid === uid && meta.deletingSince === undefined;
}

function noProject(name: string): SkerryError {
  return new SkerryError("not_found", `There is no project ${name}, or it is being deleted.`);
}

function nameTaken(name: string): SkerryError {
  return new SkerryError("conflict/exists", `There is an iplist ${name} already.`, {
    hint: `To put other networks in it: skerry iplist update ${name} --from-file FILE`,
    details: { field: "name" },
  });
}

function hasChanged(name: string): SkerryError {
  return new SkerryError("conflict/precondition", `The iplist ${name} has changed since you read it.`, {
    hint: "Read it again, and decide anew.",
  });
}
