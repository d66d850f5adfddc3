/**
 * What the workers of a node share, in a directory: answers as files that each can read, marks of what has been changed, locks of what
 * is being asked for. All of it may be lost at any instruction, and nothing needs anybody to live: what is torn is not taken, what a
 * worker has locked is free when it has ended, and who takes its place takes over what it has written.
 */
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Random } from "../../../../domain/ports.ts";
import { headerValue } from "../../../routing/asked.ts";
import type { Kept } from "../response-cache.ts";
import type { CommonCache, Place } from "./common-cache.ts";
import { Locks } from "./locks.ts";
import { Marks } from "./marks.ts";
import { purgeShelf, Shelf, type ShelfOptions } from "./shelf.ts";

/** Where it is, and how much of it is for one worker: plain data. */
export type CommonPlace = Pick<ShelfOptions, "directory" | "slot" | "maxBytes" | "maxFiles">;

interface CommonOptions extends ShelfOptions {
  readonly random: Random;
  /** Nobody waits for a lock that is older. */
  readonly maxLockMs: number;
  readonly maxMarkFiles: number;
}

/** The status of what says only by which headers answers differ. */
const POINTER = 0;
const NOTHING = Buffer.alloc(0);

export class CommonFiles implements CommonCache, Disposable {
  readonly #marks: Marks;
  readonly #locks: Locks;
  readonly #shelf: Shelf;
  #failures = 0;

  /** @throws what the file system says. */
  constructor(options: CommonOptions) {
    const { directory, random, originMs, maxLockMs: maxAgeMs, maxMarkFiles } = options;
    const [answers, marks, locks] = partsOf(directory);
    for (const part of [answers, marks, locks]) mkdirSync(part, { recursive: true, mode: 0o700 });
    this.#marks = new Marks(marks, random, maxMarkFiles);
    this.#locks = new Locks({ directory: locks, maxAgeMs, originMs });
    this.#shelf = new Shelf({ ...options, directory: answers });
  }

  get failures(): number {
    return this.#failures + this.#shelf.failures;
  }

  /** Of the files of this worker. */
  get bytes(): number {
    return this.#shelf.bytes;
  }

  mark(project: string, uri: string): number {
    try {
      return this.#marks.read(project, uri);
    } catch {
      this.#failures++;
      return Number.NaN;
    }
  }

  change(project: string, uri: string): void {
    try {
      this.#marks.change(project, uri);
    } catch {
      this.#failures++;
    }
  }

  find(key: string, place: Place, lines: string, newerThanMs: number): Kept | undefined {
    const found = this.#shelf.read(place, key, newerThanMs);
    if (found === undefined || found.vary.length === 0) return found;
    const varied = found.vary.map((name) => headerValue(lines, name));
    return this.#shelf.read(place, variantOf(key, found.vary, varied), newerThanMs);
  }

  save(key: string, kept: Kept, onSaved: () => void): void {
    void this.#save(key, kept).then(onSaved);
  }

  async #save(key: string, kept: Kept): Promise<void> {
    const place = { route: kept.route, path: kept.uri.slice(kept.uri.indexOf("/")) };
    if (kept.vary.length === 0) return this.#shelf.write(place, key, kept);
    await this.#shelf.write(place, variantOf(key, kept.vary, kept.varied), kept);
    await this.#shelf.write(place, key, { ...kept, status: POINTER, lines: "", body: NOTHING, varied: [] });
  }

  lock(key: string, nowMs: number): "mine" | "others" | "late" {
    return this.#locks.take(lockOf(key), nowMs);
  }

  unlock(key: string): void {
    this.#locks.free(lockOf(key));
  }

  onUnlocked(key: string, onGone: () => void): () => void {
    return this.#locks.wait(lockOf(key), onGone);
  }

  purge(route: string, path?: string): void {
    this.#shelf.purge(route, path);
  }

  /** @see Shelf.adopt */
  adopt(): Promise<void> {
    return this.#shelf.adopt();
  }

  [Symbol.dispose](): void {
    this.#locks.close();
    this.#marks.close();
  }
}

/** Nobody may use it then. @throws what the file system says. */
export async function emptyCommonFiles(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  for (const part of partsOf(directory)) await mkdir(part, { recursive: true, mode: 0o700 });
}

/** As `purgeShelf` has it. Workers may put older ones there until they have been told. */
export function purgeCommonFiles(directory: string, route: string, path: string | undefined): Promise<void> {
  return purgeShelf(partsOf(directory)[0], route, path);
}

function partsOf(directory: string): readonly [answers: string, marks: string, locks: string] {
  return [join(directory, "answers"), join(directory, "marks"), join(directory, "locks")];
}

function variantOf(key: string, vary: readonly string[], varied: readonly (string | undefined)[]): string {
  return `${key}\n\n${JSON.stringify([vary, varied.map((value) => value ?? null)])}`;
}

function lockOf(key: string): string {
  return createHash("sha1").update(key).digest("hex");
}
