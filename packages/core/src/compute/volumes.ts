/** Volumes: declared in the store; the engine makes one when a container first needs it. */
import type { Container, Volume } from "../domain/compute.ts";
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock, Random } from "../domain/ports.ts";
import { assertName, CLOUD, newMeta, resourceKey } from "../domain/resource.ts";
import type { Compare, Entry, Json, Store } from "../domain/store.ts";
import { statusOwner } from "./cache.ts";
import type { Engine } from "./engine.ts";
import { volumeName } from "./names.ts";
import { projectGone, takesResources } from "./owners.ts";

export interface VolumeEntry {
  readonly volume: Volume;
  readonly revision: number;
}

export interface NewVolume {
  readonly name: string;
  /** Uid. */
  readonly project: string;
  readonly projectName: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export class VolumeService {
  readonly #store: Store;
  readonly #engine: Engine;
  readonly #world: { clock: Clock; random: Random };
  /** One creation at a time: they are counted. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: { store: Store; engine: Engine; clock: Clock; random: Random }) {
    this.#store = options.store;
    this.#engine = options.engine;
    this.#world = options;
  }

  async find(project: string, name: string): Promise<VolumeEntry | undefined> {
    const entry = await this.#store.get(resourceKey("volume", project, name));
    return entry && toVolume(entry);
  }

  /** @throws `invalid`, `conflict/exists`, `exhausted/quota`, `not_found` (the project went meanwhile). */
  async create(input: NewVolume): Promise<VolumeEntry> {
    assertName(input.name, "volume");
    const work = this.#turn.then(() => this.#declare(input));
    this.#turn = work.catch(() => undefined);
    return work;
  }

  async #declare(input: NewVolume): Promise<VolumeEntry> {
    const volume: Volume = { kind: "volume", meta: newMeta(input, this.#world), spec: {} };
    const project = await this.#store.get(resourceKey("project", CLOUD, input.projectName));
    if (project === undefined || !takesResources(project, input.project)) throw projectGone(input.projectName);
    const { entries } = await this.#store.list({ prefix: `/volume/${input.project}/` });
    if (entries.length >= LIMITS.compute.maxVolumesPerProject) {
      throw new SkerryError("exhausted/quota", `The project has ${entries.length} volumes, the most that it may have.`);
    }
    const key = resourceKey("volume", input.project, input.name);
    const { succeeded, revision } = await this.#store.transact({
      compare: [
        { key, modRevision: 0 },
        { key: project.key, modRevision: project.modRevision },
      ],
      then: [{ op: "put", key, value: volume as unknown as Json, labels: volume.meta.labels }],
    });
    if (succeeded) return { volume, revision };
    if ((await this.#store.get(key)) === undefined) throw projectGone(input.projectName);
    throw new SkerryError("conflict/exists", `There is a volume ${input.name} in this project already.`);
  }

  /**
   * With what is in it. Marked first, so that no container takes it meanwhile; one that was cut in half is deleted again.
   * @throws `not_found`, `conflict` while a container has it, as the engine.
   */
  async delete(project: string, name: string): Promise<void> {
    const { volume, revision } = await this.#expect(project, name);
    await this.#assertUnused(project, name);
    const key = resourceKey("volume", project, name);
    const since = new Date(this.#world.clock.wallMs()).toISOString();
    const marked = { ...volume, meta: { ...volume.meta, deletingSince: since } };
    const result = await this.#store.transact({
      compare: [{ key, modRevision: revision }],
      then: [{ op: "put", key, value: marked as unknown as Json, labels: volume.meta.labels }],
    });
    if (!result.succeeded)
      throw new SkerryError("conflict", `The volume ${name} has changed meanwhile.`, { hint: "Try again." });
    try {
      await this.#assertUnused(project, name);
      await this.#engine.removeVolume(volumeName(project, name));
    } catch (error) {
      await this.#store.transact({
        compare: [{ key, modRevision: result.revision }],
        then: [{ op: "put", key, value: volume as unknown as Json, labels: volume.meta.labels }],
      });
      throw error;
    }
    await this.#store.transact({ compare: [{ key, modRevision: result.revision }], then: [{ op: "delete", key }] });
  }

  /** What must hold while a container is declared that has these. @throws `not_found`. */
  async compares(project: string, names: readonly string[]): Promise<Compare[]> {
    return Promise.all(
      [...new Set(names)].map(async (name) => {
        const { volume, revision } = await this.#expect(project, name);
        if (volume.meta.deletingSince !== undefined) throw missing(name);
        return { key: resourceKey("volume", project, name), modRevision: revision };
      }),
    );
  }

  async #assertUnused(project: string, name: string): Promise<void> {
    const { entries } = await this.#store.list({ prefix: `/container/${project}/` });
    for (const { key, value } of entries) {
      if (statusOwner(key) !== undefined) continue;
      const { meta, spec } = value as unknown as Container;
      if (!spec.volumes.some((mount) => mount.name === name)) continue;
      throw new SkerryError("conflict", `The container ${meta.name} has the volume ${name}.`, {
        hint: `Remove it first: skerry container rm ${meta.name}`,
      });
    }
  }

  async #expect(project: string, name: string): Promise<VolumeEntry> {
    const found = await this.find(project, name);
    if (found === undefined) throw missing(name);
    return found;
  }
}

export function toVolume(entry: Entry): VolumeEntry {
  return { volume: entry.value as unknown as Volume, revision: entry.modRevision };
}

function missing(name: string): SkerryError {
  return new SkerryError("not_found", `There is no volume ${name} in this project.`, {
    hint: `Make it first: skerry volume create ${name}`,
  });
}
