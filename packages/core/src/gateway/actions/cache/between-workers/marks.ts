/**
 * What has been changed, for all workers at once: a file for each project, a mark of eight bytes for each of some thousand places.
 * A worker writes another mark before the client hears of the change, all read it before they give what they keep: the kernel's
 * page cache is the memory that they share, and a read costs less than a microsecond.
 */
import { createHash } from "node:crypto";
import { closeSync, constants, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "../../../../domain/ports.ts";
import { MARKS, slotOf } from "./common-cache.ts";

const MARK_BYTES = 8;
/** Of a mark; a number can hold no more of them. */
const USED_BYTES = 6;
const { O_CREAT, O_RDWR, O_NOFOLLOW } = constants;

export class Marks {
  readonly #directory: string;
  readonly #random: Random;
  readonly #maxFiles: number;
  readonly #into = Buffer.alloc(MARK_BYTES);
  /** By project; the one that was opened first is first. */
  readonly #files = new Map<string, number>();

  constructor(directory: string, random: Random, maxFiles: number) {
    this.#directory = directory;
    this.#random = random;
    this.#maxFiles = maxFiles;
  }

  /** @throws what the file system says. */
  read(project: string, uri: string): number {
    const count = readSync(this.#file(project), this.#into, 0, MARK_BYTES, slotOf(uri) * MARK_BYTES);
    if (count !== MARK_BYTES) throw new Error("a file of marks is too short");
    return this.#into.readUIntLE(0, USED_BYTES);
  }

  /** Whoever else writes one at the same time: what stands there is not what stood before. @throws likewise. */
  change(project: string, uri: string): void {
    const mark = Buffer.alloc(MARK_BYTES);
    mark.set(this.#random.bytes(USED_BYTES));
    if (writeSync(this.#file(project), mark, 0, MARK_BYTES, slotOf(uri) * MARK_BYTES) !== MARK_BYTES)
      throw new Error("a mark was not written");
  }

  #file(project: string): number {
    const known = this.#files.get(project);
    if (known !== undefined) return known;
    const name = createHash("sha256").update(project).digest("hex").slice(0, 32);
    const file = openSync(join(this.#directory, name), O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
    // It is as long from the beginning: nothing but zeros, which take no room.
    ftruncateSync(file, MARKS * MARK_BYTES);
    const [first] = this.#files;
    if (this.#files.size >= this.#maxFiles && first !== undefined) {
      this.#files.delete(first[0]);
      closeSync(first[1]);
    }
    this.#files.set(project, file);
    return file;
  }

  close(): void {
    for (const file of this.#files.values()) closeSync(file);
    this.#files.clear();
  }
}
