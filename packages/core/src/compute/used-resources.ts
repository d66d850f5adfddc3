/**
 * What containers use by its name: volumes and networks. Declared in the store; the engine makes one when a container
 * first needs it, and one that a container has is not removed.
 */
import type { Container, ContainerSpec, UsedResource } from "../domain/compute.ts";
import { SkerryError } from "../domain/errors.ts";
import type { Clock, Random } from "../domain/ports.ts";
import { assertName, CLOUD, newMeta, resourceKey } from "../domain/resource.ts";
import type { Compare, Entry, Json, Store } from "../domain/store.ts";
import { statusOwner } from "./cache.ts";
import { projectGone, takesResources } from "./owners.ts";

export interface UsedEntry {
  readonly resource: UsedResource;
  readonly revision: number;
}

/** How the one differs from the other. */
export interface UsedKind {
  readonly kind: "volume" | "network";
  readonly mostOfProject: number;
  /** Names that none may have. */
  readonly taken: readonly string[];
  readonly isUsed: (spec: ContainerSpec, name: string) => boolean;
  /** With what is in it. @throws as the engine. */
  readonly remove: (resource: UsedResource) => Promise<void>;
}

export interface NewUsed {
  readonly name: string;
  /** Uid. */
  readonly project: string;
  readonly projectName: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export class UsedResources {
  readonly #store: Store;
  readonly #kind: UsedKind;
  readonly #world: { clock: Clock; random: Random };
  /** One creation at a time: they are counted. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(kind: UsedKind, options: { store: Store; clock: Clock; random: Random }) {
    this.#kind = kind;
    this.#store = options.store;
    this.#world = options;
  }

  async find(project: string, name: string): Promise<UsedEntry | undefined> {
    const entry = await this.#store.get(this.#keyOf(project, name));
    return entry && toUsed(entry);
  }

  /** @throws `invalid`, `conflict/exists`, `exhausted/quota`, `not_found` (the project went meanwhile). */
  async create(input: NewUsed): Promise<UsedEntry> {
    assertName(input.name, this.#kind.kind);
    if (this.#kind.taken.includes(input.name)) throw this.#exists(input.name);
    const work = this.#turn.then(() => this.#declare(input));
    this.#turn = work.catch(() => undefined);
    return work;
  }

  async #declare(input: NewUsed): Promise<UsedEntry> {
    const { kind, mostOfProject } = this.#kind;
    const resource: UsedResource = { kind, meta: newMeta(input, this.#world), spec: {} };
    const project = await this.#store.get(resourceKey("project", CLOUD, input.projectName));
    if (project === undefined || !takesResources(project, input.project)) throw projectGone(input.projectName);
    const { entries } = await this.#store.list({ prefix: `/${kind}/${input.project}/` });
    if (entries.length >= mostOfProject) {
      throw new SkerryError(
        "exhausted/quota",
        `The project has ${entries.length} ${kind}s, the most that it may have.`,
      );
    }
    const key = this.#keyOf(input.project, input.name);
    const { succeeded, revision } = await this.#store.transact({
      compare: [
        { key, modRevision: 0 },
        { key: project.key, modRevision: project.modRevision },
      ],
      then: [{ op: "put", key, value: resource as unknown as Json, labels: resource.meta.labels }],
    });
    if (succeeded) return { resource, revision };
    if ((await this.#store.get(key)) === undefined) throw projectGone(input.projectName);
    throw this.#exists(input.name);
  }

  /**
   * With what is in it. Marked first, so that no container takes it meanwhile; one that was cut in half is deleted again.
   * @throws `not_found`, `conflict` while a container has it, as the engine.
   */
  async delete(project: string, name: string): Promise<void> {
    const { resource, revision } = await this.expect(project, name);
    await this.#assertUnused(project, name);
    const key = this.#keyOf(project, name);
    const since = new Date(this.#world.clock.wallMs()).toISOString();
    const marked = { ...resource, meta: { ...resource.meta, deletingSince: since } };
    const result = await this.#store.transact({
      compare: [{ key, modRevision: revision }],
      then: [{ op: "put", key, value: marked as unknown as Json, labels: resource.meta.labels }],
    });
    if (!result.succeeded)
      throw new SkerryError("conflict", `The ${this.#kind.kind} ${name} has changed meanwhile.`, {
        hint: "Try again.",
      });
    try {
      await this.#assertUnused(project, name);
      await this.#kind.remove(resource);
    } catch (error) {
      await this.#store.transact({
        compare: [{ key, modRevision: result.revision }],
        then: [{ op: "put", key, value: resource as unknown as Json, labels: resource.meta.labels }],
      });
      throw error;
    }
    await this.#store.transact({ compare: [{ key, modRevision: result.revision }], then: [{ op: "delete", key }] });
  }

  /** What must hold while a container is declared that has these. @throws `not_found`. */
  async compares(project: string, names: readonly string[]): Promise<Compare[]> {
    return Promise.all(
      [...new Set(names)].map(async (name) => {
        const { resource, revision } = await this.expect(project, name);
        if (resource.meta.deletingSince !== undefined) throw this.#missing(name);
        return { key: this.#keyOf(project, name), modRevision: revision };
      }),
    );
  }

  async #assertUnused(project: string, name: string): Promise<void> {
    const { entries } = await this.#store.list({ prefix: `/container/${project}/` });
    for (const { key, value } of entries) {
      if (statusOwner(key) !== undefined) continue;
      const { meta, spec } = value as unknown as Container;
      if (!this.#kind.isUsed(spec, name)) continue;
      throw new SkerryError("conflict", `The container ${meta.name} has the ${this.#kind.kind} ${name}.`, {
        hint: `Remove it first: skerry container rm ${meta.name}`,
      });
    }
  }

  /** @throws `not_found`. */
  async expect(project: string, name: string): Promise<UsedEntry> {
    const found = await this.find(project, name);
    if (found === undefined) throw this.#missing(name);
    return found;
  }

  #keyOf(project: string, name: string): string {
    return resourceKey(this.#kind.kind, project, name);
  }

  #exists(name: string): SkerryError {
    return new SkerryError("conflict/exists", `There is a ${this.#kind.kind} ${name} in this project already.`);
  }

  #missing(name: string): SkerryError {
    const { kind } = this.#kind;
    return new SkerryError("not_found", `There is no ${kind} ${name} in this project.`, {
      hint: `Make it first: skerry ${kind} create ${name}`,
    });
  }
}

export function toUsed(entry: Entry): UsedEntry {
  return { resource: entry.value as unknown as UsedResource, revision: entry.modRevision };
}
