/**
 * Keys come from other people. A key becomes a file only below the destination: no segment leads out of it, and no link on
 * the way is followed.
 */
import { lstat, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { SkerryError } from "@skerry/core/contract/errors.ts";

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

/**
 * Makes the folders for a file below `root` and returns its path. Every component is looked at without following links.
 * @throws `invalid`: a link, or a file, stands where a folder is needed, or a folder where the file is.
 */
export async function prepareTarget(root: string, segments: readonly string[]): Promise<string> {
  let path = root;
  for (const segment of segments.slice(0, -1)) {
    path = join(path, segment);
    const found = (await look(path)) ?? (await makeFolder(path));
    if (found === "link") throw inTheWay(`the link ${path} stands in the way`);
    if (found !== "folder") throw inTheWay(`a file stands at ${path}, where a folder is needed`);
  }
  path = join(path, segments.at(-1) ?? "");
  const found = await look(path);
  if (found === "link") throw inTheWay(`the link ${path} stands in the way`);
  if (found === "folder") throw inTheWay(`${path} is a folder`);
  if (found === "special") throw inTheWay(`${path} is not a plain file`);
  return path;
}

type Found = "folder" | "file" | "link" | "special";

async function look(path: string): Promise<Found | undefined> {
  try {
    const found = await lstat(path);
    if (found.isSymbolicLink()) return "link";
    if (found.isDirectory()) return "folder";
    return found.isFile() ? "file" : "special";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function makeFolder(path: string): Promise<Found | undefined> {
  try {
    await mkdir(path);
    return "folder";
  } catch (error) {
    // Another transfer made it, or somebody put something else there.
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return look(path);
    throw error;
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
