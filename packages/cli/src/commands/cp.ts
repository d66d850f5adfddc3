import { basename, join, resolve } from "node:path";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { Progress } from "../output/progress.ts";
import {
  baseName,
  folderPrefix,
  formatAddress,
  type ObjectAddress,
  type Place,
  parsePlace,
} from "../transfer/address.ts";
import { endsAll, Failures } from "../transfer/failures.ts";
import type { FolderTransfer } from "../transfer/folder-down.ts";
import { labelOf, summary } from "../transfer/summary.ts";
import { defineCommand, type Flags, type Invocation, type OptionSpecs } from "./command.ts";

const OPTIONS = {
  recursive: { type: "boolean", alias: "r", describe: "A folder, or all keys below a prefix" },
  follow: { type: "boolean", describe: "With -r: copy what links point to, instead of leaving them out" },
  type: { type: "string", describe: "Content type of the object (default: by the file's extension)" },
  raw: { type: "boolean", describe: "With - on a terminal: bytes as they are, control characters too" },
} as const satisfies OptionSpecs;

type CpFlags = Flags<typeof OPTIONS>;

export default defineCommand({
  usage: "FROM TO",
  args: [2, 2],
  options: OPTIONS,
  example: "cp film.raw photos:2026/",
  more: [
    ["cp photos:2026/film.raw .", "download"],
    ["cp -r ./album photos:", "a folder, to photos:album/"],
    ["cp -r ./site/ www:", "what is in it, to www:"],
    ["cp -r photos:album ./copy", "and back"],
    ["cp - docs:notes.txt", "from standard input"],
    ["cp docs:notes.txt docs:old/", "from bucket to bucket"],
  ],
  details:
    "A place is BUCKET:KEY, a file or folder here, or - for standard input or output. TO that ends with a slash, is " +
    "a folder (for a file), or is the bucket alone means 'into': the name is kept. With -r, a slash at the end of FROM " +
    "means what is in the folder, without its name. A route shows a bucket as a site: index.html for a folder, 404.html " +
    "for what is not there. A file here whose name looks like a place is written ./a:b. A download that breaks leaves the file that was there. Files are named as their keys are, " +
    "with any control character; only what is shown of a name is escaped.",
  async run(invocation, { args, flags }) {
    const [from, to] = [parsePlace(args[0] ?? ""), parsePlace(args[1] ?? "")];
    if (from.at !== "bucket" && to.at !== "bucket") {
      throw new SkerryError("invalid", "Neither of the two places is in a bucket.", {
        hint:
          forgottenColon(to) ?? "A place in a bucket looks like BUCKET:KEY, e.g. skerry cp notes.txt docs:notes.txt",
      });
    }
    assertMeant(flags, from, to);
    if (flags.recursive) await copyFolder(invocation, from, to, flags);
    else await (await import("../transfer/copy-one.ts")).copyOne(invocation, from, to, flags);
  },
});

/** A flag that says nothing to this copy is a misunderstanding. @throws `invalid` */
function assertMeant({ recursive, follow, type, raw }: CpFlags, from: Place, to: Place): void {
  const idle =
    follow && (!recursive || from.at !== "here")
      ? "--follow is about links in a folder here that is sent with -r"
      : type !== undefined && (recursive || from.at === "bucket")
        ? "--type is about one object that is sent; others keep theirs, or get it by their names"
        : raw && to.at !== "stdio"
          ? "--raw is about - on a terminal"
          : undefined;
  if (idle !== undefined) throw new SkerryError("invalid", `${idle}.`, { hint: "Leave it out." });
}

/** `cp film.raw photos` */
function forgottenColon(to: Place): string | undefined {
  const looksLikeBucket = to.at === "here" && /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(to.path);
  return looksLikeBucket ? `Did you mean ${to.path}: ? The colon makes it a bucket.` : undefined;
}

async function copyFolder(invocation: Invocation, from: Place, to: Place, flags: CpFlags): Promise<void> {
  if (from.at === "stdio" || to.at === "stdio")
    throw new SkerryError("invalid", "- is not a folder: -r does not go with it.");
  const { terminal, output, signal } = invocation;
  const client = await invocation.client();
  using progress = new Progress(terminal, labelOf(from), { quiet: output.quiet });
  const failures = new Failures(output, progress);
  let files: number;
  try {
    files = await transferFolder(from, to, flags, { client, signal, progress, failures });
  } catch (error) {
    progress.clear();
    if (signal.aborted) output.note(`interrupted: ${failures.soFar}`);
    else if (endsAll(error)) output.note(`ended early: ${failures.soFar}`);
    throw error;
  } finally {
    progress.clear();
    failures.sumUp();
  }
  progress.clear();
  const { bytes, elapsedSeconds } = progress;
  output.note(`${files} ${files === 1 ? "file" : "files"}, ${summary(bytes, elapsedSeconds)}`);
  if (output.format !== "table" && output.format !== "name") {
    await output.value({ files, sizeBytes: bytes, failed: failures.told }, "", () => "");
  }
  failures.assertNone("copied", files);
}

/** Resolves with the number of files. */
async function transferFolder(
  from: Exclude<Place, { at: "stdio" }>,
  to: Exclude<Place, { at: "stdio" }>,
  flags: CpFlags,
  transfer: FolderTransfer,
): Promise<number> {
  if (from.at === "here" && to.at === "bucket") {
    const { copyFolderUp } = await import("../transfer/folder-up.ts");
    return await copyFolderUp(from.path, intoFolder(to, folderName(from.path)), flags.follow, transfer);
  }
  if (from.at === "bucket" && to.at === "here") {
    const { copyFolderDown } = await import("../transfer/folder-down.ts");
    const root = meansInto(to.path) && !meansContent(from.key) ? join(to.path, baseNameSafe(from.key)) : to.path;
    return await copyFolderDown({ bucket: from.bucket, key: folderPrefix(from.key) }, root, transfer);
  }
  const { copyFolderAcross } = await import("../transfer/copy-object.ts");
  const [source, target] = [from as ObjectAddress, to as ObjectAddress];
  const prefix = { bucket: source.bucket, key: folderPrefix(source.key) };
  return await copyFolderAcross(
    prefix,
    intoFolder(target, meansContent(source.key) ? "" : baseName(source.key)),
    transfer,
  );
}

/** A key that ends with a slash, or is empty, means into it. */
function intoFolder({ bucket, key }: ObjectAddress, name: string): ObjectAddress {
  return { bucket, key: folderPrefix(key === "" || key.endsWith("/") ? key + name : key) };
}

/** `.` and `..` and a path that ends with a slash mean into that folder. */
function meansInto(path: string): boolean {
  return path.endsWith("/") || /^(.*\/)?\.\.?$/.test(path);
}

/** `./site/` means what is in it, as rsync has it; `.` and `..` have no name of their own. */
function meansContent(path: string): boolean {
  return path === "" || meansInto(path);
}

/** Empty for what means its content. */
function folderName(path: string): string {
  return meansContent(path) ? "" : basename(resolve(path));
}

/** The last segment of a prefix as the name of a folder here; it must not lead anywhere else. */
function baseNameSafe(key: string): string {
  const name = baseName(key);
  if (name === ".." || name === "." || name.includes("\0")) {
    throw new SkerryError(
      "invalid",
      `The last segment of ${formatAddress({ bucket: "", key })} is not a name for a folder.`,
      {
        hint: "Name the folder that it should become.",
      },
    );
  }
  return name;
}
