/**
 * Directories held open. What is named in one is found in that very directory, even when somebody puts a link in the place
 * of its path meanwhile: Linux reaches it through `/proc/self/fd`. Where there is no such thing, paths are used.
 */
import { constants, existsSync, type Stats, unlinkSync } from "node:fs";
import { type FileHandle, lstat, mkdir, open, rename, unlink } from "node:fs/promises";
import { join } from "node:path";

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
const DESCRIPTORS = "/proc/self/fd";
const reachable = existsSync(DESCRIPTORS);

/** Names are single names, never paths. Errors of the file system name the path as a person knows it. */
export class Directory implements AsyncDisposable {
  /** For people: where it was found. */
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #base: string;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
    this.#base = reachable ? `${DESCRIPTORS}/${handle.fd}` : path;
  }

  /** A directory that a person named: it may be a link. */
  static async open(path: string): Promise<Directory> {
    return new Directory(path, await open(path, O_RDONLY | O_DIRECTORY));
  }

  /** A directory in this one, or this one again (`.`), never through a link: that is `ENOTDIR` or `ELOOP`. */
  async openFolder(name: string): Promise<Directory> {
    return new Directory(join(this.path, name), await this.openFile(name, O_RDONLY | O_DIRECTORY));
  }

  /** Never through a link. */
  openFile(name: string, flags: number, mode?: number): Promise<FileHandle> {
    return this.#named(open(this.#at(name), flags | O_NOFOLLOW, mode));
  }

  async makeFolder(name: string): Promise<void> {
    await this.#named(mkdir(this.#at(name)));
  }

  /** Of a link itself. */
  look(name: string): Promise<Stats> {
    return this.#named(lstat(this.#at(name)));
  }

  /** Replaces what is there, also a link. */
  rename(from: string, to: string): Promise<void> {
    return this.#named(rename(this.#at(from), this.#at(to)));
  }

  unlink(name: string): Promise<void> {
    return this.#named(unlink(this.#at(name)));
  }

  /** For the end of the program. */
  unlinkNow(name: string): void {
    unlinkSync(this.#at(name));
  }

  sync(): Promise<void> {
    return this.#handle.sync();
  }

  async isSame(other: Directory): Promise<boolean> {
    const [a, b] = await Promise.all([this.#handle, other.#handle].map((handle) => handle.stat({ bigint: true })));
    return a !== undefined && a.dev === b?.dev && a.ino === b.ino;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  // Not joined: `.` must stay, as the descriptor itself is a link.
  #at(name: string): string {
    return `${this.#base}/${name}`;
  }

  async #named<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (thrown) {
      const error = thrown as NodeJS.ErrnoException;
      const told = (text: string) => text.replaceAll(`${this.#base}/`, join(this.path, "/"));
      if (error.path !== undefined) error.path = told(error.path);
      error.message = told(error.message);
      throw error;
    }
  }
}
