/** Containers as they are declared: created, changed and removed by transactions. The controller makes them so. */
import type { Container, ContainerLimits, ContainerSpec, ContainerStatus, Restart } from "../domain/compute.ts";
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock, Random } from "../domain/ports.ts";
import { assertName, CLOUD, newMeta, resourceKey, touchMeta } from "../domain/resource.ts";
import type { Compare, Entry, Json, Store } from "../domain/store.ts";
import { statusKey, statusOwner } from "./cache.ts";
import type { EngineUse } from "./engine-use.ts";
import type { Images } from "./images.ts";
import { projectGone, takesResources } from "./owners.ts";
import type { UsedResources } from "./used-resources.ts";

/** A container with the revision of its last change (of the declaration). */
export interface ContainerEntry {
  readonly container: Container;
  readonly revision: number;
}

export interface NewContainer {
  readonly name: string;
  /** Uid. */
  readonly project: string;
  readonly projectName: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec: Pick<ContainerSpec, "image"> & Partial<Omit<ContainerSpec, "image" | "imageId">>;
}

export interface ContainerChange extends Partial<ContainerLimits> {
  readonly running?: boolean;
  readonly restart?: Restart;
  readonly labels?: Readonly<Record<string, string>>;
  /** Refuse when it has changed since. */
  readonly revision?: number;
}

export class ContainerService {
  readonly #store: Store;
  readonly #images: Images;
  readonly #volumes: UsedResources;
  readonly #networks: UsedResources;
  readonly #world: { clock: Clock; random: Random };
  readonly #use: EngineUse;
  readonly #ownPorts: readonly number[];
  /** One creation at a time: they are counted. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: {
    store: Store;
    images: Images;
    volumes: UsedResources;
    networks: UsedResources;
    clock: Clock;
    random: Random;
    use: EngineUse;
    ownPorts: readonly number[];
  }) {
    this.#store = options.store;
    this.#images = options.images;
    this.#volumes = options.volumes;
    this.#networks = options.networks;
    this.#world = options;
    this.#use = options.use;
    this.#ownPorts = options.ownPorts;
  }

  async find(project: string, name: string): Promise<ContainerEntry | undefined> {
    const entry = await this.#store.get(resourceKey("container", project, name));
    return entry && this.withStatus(entry);
  }

  /** The status beside the declaration that was read. */
  async withStatus(entry: Entry): Promise<ContainerEntry> {
    const status = await this.#store.get(statusKey(entry.key));
    const container = entry.value as unknown as Container;
    if (status === undefined) return { container, revision: entry.modRevision };
    return {
      container: { ...container, status: status.value as unknown as ContainerStatus },
      revision: entry.modRevision,
    };
  }

  /**
   * What the image's name means now is what the container has for good.
   * @throws `invalid`, `not_found` (image, project), `conflict/exists`, `exhausted/quota`, `unsupported`, `unavailable`.
   */
  async create(input: NewContainer): Promise<ContainerEntry> {
    assertName(input.name, "container");
    for (const { hostPort } of input.spec.publish ?? []) this.#assertFree(hostPort);
    const { id: imageId, project: imageOwner } = await this.#images.resolve(input.project, input.spec.image);
    const meta = newMeta(input, this.#world);
    const spec: ContainerSpec = {
      image: input.spec.image,
      imageId,
      command: input.spec.command ?? [],
      env: input.spec.env ?? {},
      cpu: input.spec.cpu ?? LIMITS.compute.defaultCpu,
      memoryBytes: input.spec.memoryBytes ?? LIMITS.compute.defaultMemoryBytes,
      pids: input.spec.pids ?? LIMITS.compute.defaultPids,
      volumes: input.spec.volumes ?? [],
      publish: input.spec.publish ?? [],
      ...(await this.#networkOf(input.project, input.spec.network)),
      restart: input.spec.restart ?? "always",
      running: input.spec.running ?? true,
      ...(imageOwner === undefined ? {} : { ownImage: true }),
    };
    const container: Container = { kind: "container", meta, spec };
    const work = this.#turn.then(() => this.#declare(container, input.projectName));
    this.#turn = work.catch(() => undefined);
    return work;
  }

  /** @throws `not_found`, `conflict/precondition`, `conflict` while it is being removed. */
  async update(project: string, name: string, change: ContainerChange): Promise<ContainerEntry> {
    for (;;) {
      const { container, revision } = await this.#expect(project, name);
      if (change.revision !== undefined && change.revision !== revision) {
        throw new SkerryError(
          "conflict/precondition",
          `The container ${name} has changed since revision ${change.revision}.`,
        );
      }
      assertStays(container);
      const { labels, revision: _, ...changed } = change;
      const meta = touchMeta(container.meta, this.#world.clock, labels);
      const asked = change.running ? { runGeneration: meta.generation } : {};
      const next: Container = { kind: "container", meta, spec: { ...container.spec, ...changed, ...asked } };
      const written = await this.#replace(next, revision);
      if (written !== undefined) return { container: { ...next, ...statusOf(container) }, revision: written };
    }
  }

  /** Marks it; the controller removes it, and then the declaration. @throws `not_found`. */
  async delete(project: string, name: string): Promise<void> {
    for (;;) {
      const { container, revision } = await this.#expect(project, name);
      if (container.meta.deletingSince !== undefined) return;
      const meta = touchMeta(container.meta, this.#world.clock);
      const { status: _, ...declared } = container;
      const next = { ...declared, meta: { ...meta, deletingSince: meta.updatedAt } };
      if ((await this.#replace(next, revision)) !== undefined) return;
    }
  }

  async #declare(container: Container, projectName: string): Promise<ContainerEntry> {
    const { name, project, labels } = container.meta;
    const declared = await this.#store.get(resourceKey("project", CLOUD, projectName));
    if (declared === undefined || !takesResources(declared, project)) throw projectGone(projectName);
    await this.#assertRoom(project);
    const key = resourceKey("container", project, name);
    const used = await this.#compares(container);
    const { succeeded, revision } = await this.#store.transact({
      compare: [{ key, modRevision: 0 }, { key: declared.key, modRevision: declared.modRevision }, ...used],
      then: [{ op: "put", key, value: container as unknown as Json, labels }, ...(await this.#use.note(project))],
    });
    if (succeeded) return { container, revision };
    if ((await this.#store.get(key)) === undefined) {
      await this.#compares(container);
      throw projectGone(projectName);
    }
    throw new SkerryError("conflict/exists", `There is a container ${name} in this project already.`, {
      hint: `Choose another --name, or remove it: skerry container rm ${name}`,
    });
  }

  /** What must hold while it is declared. @throws `not_found`. */
  async #compares({ meta: { project }, spec }: Container): Promise<Compare[]> {
    const names = spec.volumes.map((mount) => mount.name);
    const networks = spec.network === undefined ? [] : [spec.network];
    const found = [this.#volumes.compares(project, names), this.#networks.compares(project, networks)];
    const compares = (await Promise.all(found)).flat();
    // One that took its place meanwhile is another.
    const { networkUid } = await this.#networkOf(project, spec.network);
    if (networkUid !== spec.networkUid) throw projectGone(project);
    return compares;
  }

  /** `default` is the one that each project has. @throws `not_found`. */
  async #networkOf(project: string, name = "default"): Promise<{ network?: string; networkUid?: string }> {
    if (name === "default") return {};
    return { network: name, networkUid: (await this.#networks.expect(project, name)).resource.meta.uid };
  }

  /** While we are down nobody would hold it; who took it would get what is meant for us. */
  #assertFree(hostPort: number): void {
    if (hostPort === 0 || !this.#ownPorts.includes(hostPort)) return;
    throw new SkerryError("invalid", `The port ${hostPort} of this machine is Skerry's own.`, {
      hint: "Choose another one, or none: --publish PORT takes any that is free.",
    });
  }

  async #assertRoom(project: string): Promise<void> {
    const { entries } = await this.#store.list({ prefix: `/container/${project}/` });
    const count = entries.filter(({ key }) => statusOwner(key) === undefined).length;
    const most = LIMITS.compute.maxContainersPerProject;
    if (count < most) return;
    throw new SkerryError("exhausted/quota", `The project has ${count} containers; ${most} is the most.`, {
      hint: "Remove one first: skerry ps shows them.",
    });
  }

  async #replace(container: Container, revision: number): Promise<number | undefined> {
    const { meta } = container;
    const key = resourceKey("container", meta.project, meta.name);
    const result = await this.#store.transact({
      compare: [{ key, modRevision: revision }],
      then: [{ op: "put", key, value: container as unknown as Json, labels: meta.labels }],
    });
    return result.succeeded ? result.revision : undefined;
  }

  async #expect(project: string, name: string): Promise<ContainerEntry> {
    const found = await this.find(project, name);
    if (found === undefined) throw new SkerryError("not_found", `There is no container ${name}.`);
    return found;
  }
}

function statusOf({ status }: Container): { status?: ContainerStatus } {
  return status === undefined ? {} : { status };
}

function assertStays({ meta }: Container): void {
  if (meta.deletingSince === undefined) return;
  throw new SkerryError("conflict", `The container ${meta.name} is being removed.`);
}
