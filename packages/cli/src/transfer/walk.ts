/** The files of a folder, to be copied: links only when asked, nothing that is not a plain file. */
import { isUtf8 } from "node:buffer";
import { opendir, stat } from "node:fs/promises";
import { join } from "node:path";
import { SkerryError } from "@skerry/core/contract/errors.ts";

export interface WalkOptions {
  readonly follow: boolean;
  /** Left out on purpose. */
  readonly onSkip: (path: string, why: string) => void;
  readonly onError: (path: string, error: unknown) => void;
}

export interface FoundFile {
  readonly path: string;
  /** Below the folder, with slashes. */
  readonly relative: string;
  readonly sizeBytes: number;
}

/** In the order of the directory. Errors below the root are handed to `onError`; the root's are thrown. */
export async function* walk(root: string, options: WalkOptions): AsyncGenerator<FoundFile> {
  const { dev, ino } = await stat(root);
  yield* walkFolder(root, "", options, new Set([`${dev}:${ino}`]));
}

/** `above`: the folders that we are in, so that a link back up ends. */
async function* walkFolder(
  folder: string,
  relativeFolder: string,
  options: WalkOptions,
  above: ReadonlySet<string>,
): AsyncGenerator<FoundFile> {
  let entries: AsyncIterable<{ name: Buffer; isSymbolicLink(): boolean }>;
  try {
    // Names as bytes: one that is not UTF-8 must not be mistaken for another.
    entries = (await opendir(folder, { encoding: "buffer" as never })) as never;
  } catch (error) {
    if (relativeFolder === "") throw error;
    options.onError(folder, error);
    return;
  }
  for await (const entry of entries) {
    const name = entry.name.toString();
    const path = join(folder, name);
    const relative = relativeFolder === "" ? name : `${relativeFolder}/${name}`;
    if (!isUtf8(entry.name)) {
      options.onError(path, new SkerryError("invalid", "its name is not UTF-8, as a key must be; not copied"));
    } else if (entry.isSymbolicLink() && !options.follow) {
      options.onSkip(path, "a link, left out; --follow copies what it points to");
    } else {
      yield* walkEntry(path, relative, options, above);
    }
  }
}

async function* walkEntry(
  path: string,
  relative: string,
  options: WalkOptions,
  above: ReadonlySet<string>,
): AsyncGenerator<FoundFile> {
  let found: Awaited<ReturnType<typeof stat>>;
  try {
    found = await stat(path);
  } catch (error) {
    options.onError(path, error);
    return;
  }
  if (found.isFile()) yield { path, relative, sizeBytes: found.size };
  else if (!found.isDirectory()) options.onSkip(path, "not a plain file, left out");
  else {
    const id = `${found.dev}:${found.ino}`;
    if (above.has(id)) options.onError(path, new SkerryError("invalid", "It leads back to a folder above it."));
    else yield* walkFolder(path, relative, options, new Set([...above, id]));
  }
}
