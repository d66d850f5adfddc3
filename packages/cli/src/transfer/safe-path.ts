/**
 * Keys come from other people. A key becomes a file only below the destination: no segment leads out of it, and no link on
 * the way is followed.
 */
import { join } from "node:path";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { Directory } from "./directory.ts";

/** The segments of a file below the destination. @throws `invalid` */
export function safeSegments(relativeKey: string): readonly string[] {
  const refuse = (why: string) => new SkerryError("invalid", `It is not copied: its key ${why}.`);
  if (relativeKey.includes("\0")) throw refuse("has a NUL");
  if (relativeKey.startsWith("/")) throw refuse("begins with a slash");
  const segments = relativeKey.split("/");
  if (segments.includes("..")) throw refuse("has a segment '..', which would leave the folder");
  if (segments.includes(".")) throw refuse("has a segment '.'");
  if (segments.at(-1) === "") throw refuse("ends with a slash, and a file needs a name");
  if (segments.includes("")) throw refuse("has an empty segment");
  return segments;
}

/** The place of a file below a folder, with its directory held open until it is disposed. */
export interface HeldTarget extends AsyncDisposable {
  readonly directory: Directory;
  readonly name: string;
  /** @throws `invalid`: the path leads elsewhere by now, or something else stands in the file's place. */
  assertInPlace(): Promise<void>;
}

/**
 * Makes the folders for a file below `root` and holds the last one. Every one is opened in the one before, without
 * following links: what is put in the way later changes nothing about where the file goes.
 * @throws `invalid`: a link, or a file, stands where a folder is needed, or a folder where the file is.
 */
export async function holdTarget(root: Directory, segments: readonly string[]): Promise<HeldTarget> {
  const folders = segments.slice(0, -1);
  const name = segments.at(-1) ?? "";
  const directory = await openBelow(root, folders, true);
  const target = {
    directory,
    name,
    async assertInPlace() {
      await using present = await Directory.open(root.path);
      await using found = await openBelow(present, folders, false);
      if (!(await found.isSame(directory))) throw inTheWay(`another folder stands at ${directory.path} by now`);
      await assertFree(directory, name);
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
  try {
    await assertFree(directory, name);
    return target;
  } catch (error) {
    await target[Symbol.asyncDispose]();
    throw error;
  }
}

async function openBelow(root: Directory, folders: readonly string[], make: boolean): Promise<Directory> {
  let directory = await root.openFolder(".");
  for (const name of folders) {
    await using parent = directory;
    directory = await openFolder(parent, name, make);
  }
  return directory;
}

async function openFolder(parent: Directory, name: string, make: boolean): Promise<Directory> {
  try {
    return await parent.openFolder(name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && make) {
      await makeFolder(parent, name);
      return await openFolder(parent, name, false);
    }
    if (code !== "ENOENT" && code !== "ENOTDIR" && code !== "ELOOP") throw error;
    const path = join(parent.path, name);
    const found = await look(parent, name);
    if (found === "link") throw inTheWay(`the link ${path} stands in the way`);
    if (found === "file" || found === "special") throw inTheWay(`a file stands at ${path}, where a folder is needed`);
    throw inTheWay(`the folder ${path} was moved away or removed`);
  }
}

async function assertFree(directory: Directory, name: string): Promise<void> {
  const path = join(directory.path, name);
  const found = await look(directory, name);
  if (found === "link") throw inTheWay(`the link ${path} stands in the way`);
  if (found === "folder") throw inTheWay(`${path} is a folder`);
  if (found === "special") throw inTheWay(`${path} is not a plain file`);
}

type Found = "folder" | "file" | "link" | "special";

async function look(directory: Directory, name: string): Promise<Found | undefined> {
  try {
    const found = await directory.look(name);
    if (found.isSymbolicLink()) return "link";
    if (found.isDirectory()) return "folder";
    return found.isFile() ? "file" : "special";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function makeFolder(parent: Directory, name: string): Promise<void> {
  try {
    await parent.makeFolder(name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Another transfer made it, somebody put something else there, or removed its parent: opening it tells.
    if (code !== "EEXIST" && code !== "ENOENT") throw error;
  }
}

function inTheWay(why: string): SkerryError {
  return new SkerryError("invalid", `It is not copied: ${why}.`);
}

/**
 * Finds keys that need a file to be a folder: `a` and `a/b`. Keys come in the order of their bytes, so those that begin the
 * present key are the last ones seen of their length.
 */
export class FileAsFolder {
  readonly #beginnings: string[] = [];

  /** The earlier key that would have to be a folder for this one. */
  check(key: string): string | undefined {
    while (this.#beginnings.length > 0 && !key.startsWith(this.#beginnings.at(-1) ?? "")) this.#beginnings.pop();
    const file = this.#beginnings.find((earlier) => key.startsWith(`${earlier}/`));
    this.#beginnings.push(key);
    return file;
  }
}
