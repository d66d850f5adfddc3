/** What the gateway's kinds have in common: things with a name, in a project, in the store. */
import { SkerryError } from "../domain/errors.ts";
import type { Clock, Random } from "../domain/ports.ts";
import {
  assertName,
  CLOUD,
  type Kind,
  newMeta,
  type Resource,
  type ResourceMeta,
  resourceKey,
  touchMeta,
} from "../domain/resource.ts";
import type { Entry, Json, Op, Store } from "../domain/store.ts";
import { Turns } from "../domain/turns.ts";

export interface ProjectResourcesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}

/** How one kind differs from another. */
export interface KindRules {
  readonly kind: Kind;
  readonly mostOfProject: number;
  /** Characters of all of a project. Absent: each is small. */
  readonly together?: { readonly lengthOf: (resource: Resource<unknown>) => number; readonly most: number };
  /** What to do when the name is taken. */
  readonly takenHint: (name: string) => string;
}

/** With the revision of its last change. */
export interface Found<T> {
  readonly resource: T;
  readonly revision: number;
}

/** What is said of a new one, whatever its kind. */
export interface NewInProject {
  readonly name: string;
  /** Uid and name of the project that it comes into. */
  readonly project: string;
  readonly projectName: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** What is said of a change, whatever the kind. */
export interface ChangeInProject {
  readonly labels?: Readonly<Record<string, string>>;
  /** Refuse when it has changed since. */
  readonly revision?: number;
}

export class ProjectResources<T extends Resource<unknown>> {
  readonly #rules: KindRules;
  readonly #options: ProjectResourcesOptions;
  /** What one project changes goes one after another: it is counted. */
  readonly #turns = new Turns();

  constructor(rules: KindRules, options: ProjectResourcesOptions) {
    this.#rules = rules;
    this.#options = options;
  }

  async find(project: string, name: string): Promise<Found<T> | undefined> {
    const entry = await this.#options.store.get(this.#keyOf(project, name));
    return entry === undefined ? undefined : found(entry);
  }

  /** @throws as `make`, `invalid` (the name), `conflict/exists`, `exhausted/quota`, `not_found` (the project is being deleted). */
  create(input: NewInProject, make: (meta: ResourceMeta) => T): Promise<Found<T>> {
    const { name, project, projectName, labels } = input;
    return this.#turns.take(project, async () => {
      const { store } = this.#options;
      assertName(name, this.#rules.kind);
      const resource = make(newMeta({ name, project, ...(labels === undefined ? {} : { labels }) }, this.#options));
      const key = this.#keyOf(project, name);
      const owner = await expectProject(store, projectName, project);
      if ((await store.get(key)) !== undefined) throw this.#taken(name);
      await this.#assertRoom(key, resource);
      const { succeeded, revision } = await store.transact({
        compare: [
          { key, modRevision: 0 },
          { key: owner.key, modRevision: owner.modRevision },
        ],
        then: [put(key, resource)],
      });
      if (succeeded) return { resource, revision };
      if ((await store.get(key)) === undefined) throw noProject(projectName);
      throw this.#taken(name);
    });
  }

  /** @throws as `next`, `not_found`, `conflict/precondition`, `exhausted/quota` (what all have together). */
  update(
    project: string,
    name: string,
    change: ChangeInProject,
    next: (before: T, meta: ResourceMeta) => T,
  ): Promise<Found<T>> {
    return this.#turns.take(project, async () => {
      const { store, clock } = this.#options;
      const { resource: before, revision } = await this.#expect(project, name);
      if (change.revision !== undefined && change.revision !== revision) throw hasChanged(this.#rules.kind, name);
      const resource = next(before, touchMeta(before.meta, clock, change.labels));
      const key = this.#keyOf(project, name);
      if (this.#rules.together !== undefined) await this.#assertRoom(key, resource);
      const compare = [{ key, modRevision: revision }];
      const result = await store.transact({ compare, then: [put(key, resource)] });
      if (!result.succeeded) throw hasChanged(this.#rules.kind, name);
      return { resource, revision: result.revision };
    });
  }

  /** Gives the revision. @throws as `assertUnused`, `not_found`, `conflict/precondition`. */
  delete(project: string, name: string, assertUnused: () => Promise<void>): Promise<number> {
    return this.#turns.take(project, async () => {
      const { revision } = await this.#expect(project, name);
      await assertUnused();
      const key = this.#keyOf(project, name);
      const compare = [{ key, modRevision: revision }];
      const result = await this.#options.store.transact({ compare, then: [{ op: "delete", key }] });
      if (!result.succeeded) throw hasChanged(this.#rules.kind, name);
      return result.revision;
    });
  }

  async #expect(project: string, name: string): Promise<Found<T>> {
    const entry = await this.find(project, name);
    if (entry === undefined) throw new SkerryError("not_found", `There is no ${this.#rules.kind} ${name}.`);
    return entry;
  }

  /** For the resource of this key beside the others of its project. */
  async #assertRoom(key: string, resource: T): Promise<void> {
    const { kind, mostOfProject, together } = this.#rules;
    const { entries } = await this.#options.store.list({
      prefix: `/${kind}/${resource.meta.project}/`,
      limit: mostOfProject + 1,
    });
    const others = entries.filter((entry) => entry.key !== key);
    const full = (message: string) =>
      new SkerryError("exhausted/quota", message, { hint: `Remove some first: skerry ${kind} rm NAME.` });
    if (others.length >= mostOfProject) {
      throw full(`The project has ${mostOfProject} ${kind}s, the most that one may have.`);
    }
    if (together === undefined) return;
    const all = [resource, ...others.map(({ value }) => value as unknown as T)];
    const length = all.reduce((sum, one) => sum + together.lengthOf(one), 0);
    if (length <= together.most) return;
    throw full(`The ${kind}s of the project would have ${length} characters; ${together.most} is the most.`);
  }

  #keyOf(project: string, name: string): string {
    return resourceKey(this.#rules.kind, project, name);
  }

  #taken(name: string): SkerryError {
    const { kind, takenHint } = this.#rules;
    const article = /^[aeiou]/.test(kind) ? "an" : "a";
    return new SkerryError("conflict/exists", `There is ${article} ${kind} ${name} already.`, {
      hint: takenHint(name),
      details: { field: "name" },
    });
  }
}

/** The project's own entry, to compare with. @throws `not_found`: there is none of the name and uid, or it is being deleted. */
export async function expectProject(store: Store, name: string, uid: string): Promise<Entry> {
  const owner = await store.get(resourceKey("project", CLOUD, name));
  const meta = (owner?.value as unknown as Resource<unknown> | undefined)?.meta;
  if (owner === undefined || meta?.uid !== uid || meta.deletingSince !== undefined) throw noProject(name);
  return owner;
}

export function put(key: string, resource: Resource<unknown>): Op {
  return { op: "put", key, value: resource as unknown as Json, labels: resource.meta.labels };
}

export function hasChanged(kind: Kind, name: string): SkerryError {
  return new SkerryError("conflict/precondition", `The ${kind} ${name} has changed since you read it.`, {
    hint: "Read it again, and decide anew.",
  });
}

export function found<T>(entry: Entry): Found<T> {
  return { resource: entry.value as unknown as T, revision: entry.modRevision };
}

function noProject(name: string): SkerryError {
  return new SkerryError("not_found", `There is no project ${name}, or it is being deleted.`);
}
