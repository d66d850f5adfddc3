/**
 * Images: those of the engine that belong to no project of Skerry, for everyone, and each project's own, under a
 * repository of its own. Names are global in the engine, so what a project loads is never tagged as it says itself.
 */
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Engine, EngineImage } from "./engine.ts";
import { projectRepository } from "./names.ts";
import { SharedCall } from "./shared-call.ts";

export interface Image {
  /** `busybox:latest`, without our repository. */
  readonly name: string;
  /** `sha256:...` */
  readonly id: string;
  /** Uid of the project that it belongs to; absent: the engine's own, for everyone. */
  readonly project?: string;
  readonly sizeBytes: number;
  readonly createdAt: string;
}

const ALL_OURS = "skerry/";
/** Docker's rule for names and tags, without registries with a port. A name becomes part of a path: it has no `..`. */
const PART = "[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*";
const NAME = new RegExp(`^${PART}(?:/${PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$`);
const ID = /^sha256:[0-9a-f]{64}$/;

export class Images {
  readonly #engine: Engine;
  readonly #isDeclared: (id: string) => boolean;
  /** All of the engine, which reads the config of each for it. */
  readonly #all: SharedCall<readonly EngineImage[]>;
  /** Questions that are under way, by project. */
  readonly #asking = new Map<string, number>();

  /** `isDeclared`: whether any container is declared with the image of this id. */
  constructor(engine: Engine, isDeclared: (id: string) => boolean) {
    this.#engine = engine;
    this.#isDeclared = isDeclared;
    this.#all = new SharedCall(() => engine.images());
  }

  /** Those that the project can use: its own first. @throws `exhausted/overload`, as the engine. */
  list(project: string): Promise<readonly Image[]> {
    return this.#ask(project, () => this.#list(project));
  }

  /**
   * What a name means in a project: its own image first.
   * @throws `invalid`, `not_found` with those that are there, `exhausted/overload`, as the engine.
   */
  async resolve(project: string, name: string): Promise<Image> {
    const wanted = ID.test(name) ? name : fullName(name);
    return this.#ask(project, async () => {
      const found = await this.find(project, wanted);
      if (found !== undefined) return found;
      const names = [...new Set((await this.#list(project)).map((image) => image.name))].slice(0, 20);
      throw new SkerryError("not_found", `There is no image ${wanted} here.`, {
        hint:
          (names.length === 0 ? "There are no images yet. " : `There are: ${names.join(", ")}. `) +
          "Load one that docker save has written: skerry image load FILE",
      });
    });
  }

  /** By its id or full name, without a list of all. @throws as the engine. */
  async find(project: string, wanted: string): Promise<Image | undefined> {
    const references = ID.test(wanted) ? [wanted] : [projectRepository(project) + wanted, wanted];
    for (const reference of references) {
      const image = await this.#engine.image(reference);
      // The name may lead to an image that is another project's.
      const known = image === undefined ? [] : imagesOf(image, project).sort(byName);
      const found = known.find((one) => one.name === wanted || one.id === wanted);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Whether the project may have one of this name besides. @throws `exhausted/quota`, as the engine. */
  async assertRoom(project: string, name: string): Promise<void> {
    const own = (await this.#list(project)).filter((image) => image.project === project);
    const most = LIMITS.compute.maxImagesPerProject;
    if (own.length < most || own.some((image) => image.name === fullName(name))) return;
    throw new SkerryError("exhausted/quota", `The project has ${own.length} images; ${most} is the most.`, {
      hint: "Remove one first: skerry image ls shows them.",
    });
  }

  /**
   * Takes the name away; the image goes with its last one.
   * @throws `not_found`, `conflict` while a container uses it, `exhausted/overload`.
   */
  async remove(project: string, name: string): Promise<void> {
    const tag = projectRepository(project) + fullName(name);
    await this.#ask(project, async () => {
      if ((await this.#engine.image(tag)) === undefined) {
        throw new SkerryError("not_found", `The project has no image ${fullName(name)} of its own.`, {
          hint: "skerry image ls shows those that there are.\nOf another project: --project NAME",
        });
      }
      await this.#engine.removeImage(tag);
    });
  }

  /** All names of a project that has no containers any more. @throws as the engine. */
  async removeAll(project: string): Promise<void> {
    for (const { tags } of await this.#all.get()) {
      for (const tag of tags) if (tag.startsWith(projectRepository(project))) await this.#engine.removeImage(tag);
    }
  }

  /**
   * Removes an image of which nobody speaks any more, by no name and in no declaration. It must have been a project's own:
   * what others leave without a name is not ours to remove. Never rejects; what stays costs space and nothing else.
   */
  async drop(id: string): Promise<void> {
    try {
      if (this.#isDeclared(id) || (await this.#engine.image(id))?.tags.length !== 0) return;
      await this.#engine.removeImage(id);
    } catch (error) {
      // A container of somebody else's still has it, or the engine does not answer.
      if (!(error instanceof SkerryError)) throw error;
    }
  }

  async #list(project: string): Promise<readonly Image[]> {
    return (await this.#all.get()).flatMap((image) => imagesOf(image, project)).sort(byName);
  }

  /** One project does not keep the engine from answering the others. */
  async #ask<T>(project: string, work: () => Promise<T>): Promise<T> {
    const own = this.#asking.get(project) ?? 0;
    if (own >= LIMITS.compute.maxImageCallsPerProject) {
      throw new SkerryError("exhausted/overload", `${own} questions about the project's images are under way.`, {
        retryAfterMs: 1000,
      });
    }
    this.#asking.set(project, own + 1);
    try {
      return await work();
    } finally {
      const left = (this.#asking.get(project) ?? 1) - 1;
      if (left > 0) this.#asking.set(project, left);
      else this.#asking.delete(project);
    }
  }
}

/** With its tag. @throws `invalid`. */
export function fullName(name: string): string {
  if (!NAME.test(name) || name.length > 200) {
    throw new SkerryError("invalid", `${JSON.stringify(name.slice(0, 200))} is not the name of an image.`, {
      hint: "A name looks like busybox, web:2 or team/web:2026-11.",
    });
  }
  return name.includes(":") ? name : `${name}:latest`;
}

function imagesOf({ id, tags, sizeBytes, createdAt }: EngineImage, project: string): Image[] {
  const own = projectRepository(project);
  return tags.flatMap((tag) => {
    if (tag.startsWith(own)) return [{ name: tag.slice(own.length), id, project, sizeBytes, createdAt }];
    return tag.startsWith(ALL_OURS) ? [] : [{ name: tag, id, sizeBytes, createdAt }];
  });
}

function byName(a: Image, b: Image): number {
  const [own, other] = [a, b].map(({ project }) => (project === undefined ? 1 : 0)) as [number, number];
  return own - other || (a.name < b.name ? -1 : 1);
}
