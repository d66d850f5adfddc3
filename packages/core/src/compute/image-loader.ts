/** From an upload to an image of a project: spooled to disk, looked at, then handed to the engine under our name. */
import { isError, SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Disk, Random } from "../domain/ports.ts";
import { CLOUD, newUid, resourceKey } from "../domain/resource.ts";
import type { Store } from "../domain/store.ts";
import type { Engine } from "./engine.ts";
import type { EngineUse } from "./engine-use.ts";
import { inspectImageFile, type OpenBytes, renamedImage } from "./image-file.ts";
import { fullName, type Image, type Images } from "./images.ts";
import { projectRepository } from "./names.ts";
import { projectGone, takesResources } from "./owners.ts";

const READ_BYTES = 256 * 1024;

export interface ImageLoaderOptions {
  readonly engine: Engine;
  readonly images: Images;
  readonly store: Store;
  readonly use: EngineUse;
  readonly disk: Disk;
  readonly random: Random;
  /** For files that have no meaning after the process; it is ours alone. */
  readonly directory: string;
  /** Of the directory's disk, where the stores lie too: a full disk would end them. */
  readonly reserve: { /** @throws `exhausted/disk`. */ take(sizeBytes: number): Promise<void> };
}

export class ImageLoader {
  readonly #options: ImageLoaderOptions;
  /** Project of each load that is under way. */
  readonly #loads: string[] = [];

  constructor(options: ImageLoaderOptions) {
    this.#options = options;
  }

  /** What a process that was killed has left. */
  async clean(): Promise<void> {
    const { disk, directory } = this.#options;
    await disk.makeDirectory(directory);
    for (const name of await disk.readDirectory(directory)) await disk.remove(`${directory}/${name}`);
  }

  /**
   * For a project, by uid and name.
   * @throws `not_found` (the project goes), `invalid` (no image, no name), `invalid/too-large`, `exhausted` (disk, overload, quota), as the engine.
   */
  async load(
    { uid: project, name: projectName }: { readonly uid: string; readonly name: string },
    bytes: AsyncIterable<Uint8Array>,
    name?: string,
  ): Promise<Image> {
    const { images, disk, random, directory } = this.#options;
    if (name !== undefined) fullName(name);
    this.#assertTurn(project);
    this.#loads.push(project);
    const path = `${directory}/${newUid(random)}.tar`;
    try {
      // Before a body of gigabytes is taken for nothing.
      if (name === undefined) await this.#options.engine.describe();
      else await images.assertRoom(project, name);
      await this.#spool(path, bytes);
      const open: OpenBytes = () => readFile(disk, path);
      const file = await inspectImageFile(open);
      const full = ownName(name ?? file.name);
      await images.assertRoom(project, full);
      await this.#note(project, projectName);
      return await this.#replace(project, full, renamedImage(open, file, projectRepository(project) + full));
    } finally {
      this.#loads.splice(this.#loads.indexOf(project), 1);
      await disk.remove(path).catch(() => undefined);
    }
  }

  /** @throws `not_found`. */
  async #note(project: string, projectName: string): Promise<void> {
    const { store, use } = this.#options;
    const declared = await store.get(resourceKey("project", CLOUD, projectName));
    if (declared === undefined || !takesResources(declared, project)) throw projectGone(projectName);
    const compare = [{ key: declared.key, modRevision: declared.modRevision }];
    if (!(await use.noteWhile(project, compare))) throw projectGone(projectName);
  }

  /** What had the name before goes when nothing else has it. */
  async #replace(project: string, name: string, bytes: AsyncIterable<Uint8Array>): Promise<Image> {
    const { engine, images, use } = this.#options;
    const before = await images.find(project, name);
    await engine.loadImage(bytes);
    const image = await images.find(project, name);
    if (image?.project !== project) throw new SkerryError("conflict", `The image ${name} was removed while it came.`);
    // Another load could give that content a name in this moment.
    if (before?.project === project && before.id !== image.id && this.#loads.length === 1) await images.drop(before.id);
    if (await use.holds(project)) return image;
    // The project went while it came.
    await images.removeAll(project);
    throw projectGone(project);
  }

  /** One project alone does not take all turns. */
  #assertTurn(project: string): void {
    const { maxImageLoads, maxImageLoadsPerProject } = LIMITS.compute;
    const own = this.#loads.filter((other) => other === project).length;
    if (this.#loads.length < maxImageLoads && own < maxImageLoadsPerProject) return;
    throw new SkerryError("exhausted/overload", "Other images are being loaded.", { retryAfterMs: 5000 });
  }

  async #spool(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const { disk, reserve } = this.#options;
    await using file = await disk.open(path, { write: true, create: "exclusive" });
    let position = 0;
    try {
      for await (const part of bytes) {
        if (position + part.length > LIMITS.compute.maxImageBytes) {
          throw new SkerryError(
            "invalid/too-large",
            `An image file has at most ${LIMITS.compute.maxImageBytes} bytes.`,
          );
        }
        await reserve.take(part.length);
        await file.write(part, position);
        position += part.length;
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC" && !isError(error, "exhausted/disk")) throw error;
      throw new SkerryError("exhausted/disk", "The disk has no room for the image.", { cause: error });
    }
  }
}

/** Saved from another cloud, or from this one, it has our repository before its name. @throws `invalid`. */
function ownName(name: string | undefined): string {
  if (name !== undefined) return fullName(name.replace(/^skerry\/[a-z2-7]{26}\//, ""));
  throw new SkerryError("invalid", "The image has no name.", { hint: "Give it one: --name web:1" });
}

async function* readFile(disk: Disk, path: string): AsyncGenerator<Uint8Array> {
  await using file = await disk.open(path);
  let position = 0;
  for (;;) {
    const buffer = new Uint8Array(READ_BYTES);
    const count = await file.read(buffer, position);
    if (count === 0) return;
    position += count;
    yield buffer.subarray(0, count);
  }
}
