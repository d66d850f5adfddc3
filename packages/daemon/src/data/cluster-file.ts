/** `DATA/cluster.json`: says that a directory is ours, of which cloud, and in which format. */
import { SkerryError } from "@skerry/core/domain/errors.ts";
import type { Clock, Disk, Random } from "@skerry/core/domain/ports.ts";
import { isUid, newUid } from "@skerry/core/domain/resource.ts";
import { systemCode } from "./failure.ts";
import type { DataLayout } from "./layout.ts";

/** Of the data directory as a whole. Raised when an older Skerry could not read what a newer one wrote. */
const DATA_FORMAT = 1;
const MAX_FILE_BYTES = 64 * 1024;

export interface ClusterFile {
  readonly format: number;
  /** Uid of the cloud. */
  readonly cluster: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Version of the Skerry that made the directory. */
  readonly skerry: string;
  /** Store and index have been made: from then on one that is missing is a loss, not a first start. */
  readonly populated: boolean;
}

/** Undefined when there is none. @throws `internal/corrupt`, `unsupported/version`. */
export async function readClusterFile(disk: Disk, layout: DataLayout): Promise<ClusterFile | undefined> {
  const path = layout.clusterFile;
  let text: string;
  try {
    await using file = await disk.open(path);
    const bytes = new Uint8Array(Math.min(await file.size(), MAX_FILE_BYTES));
    text = Buffer.from(bytes.buffer, 0, await file.read(bytes, 0)).toString("utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
  return understand(text, path);
}

function understand(text: string, path: string): ClusterFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(path, "it is not JSON", error);
  }
  if (typeof value !== "object" || value === null) throw damaged(path, "it is not a JSON object");
  const { format, cluster, createdAt, skerry } = value as Record<string, unknown>;
  if (typeof format !== "number" || !Number.isSafeInteger(format) || format < 1) {
    throw damaged(path, "its format is not a number");
  }
  // Before the other fields: a newer format may have others.
  if (format > DATA_FORMAT) {
    const by = typeof skerry === "string" ? ` by Skerry ${JSON.stringify(skerry.slice(0, 40))}` : "";
    throw new SkerryError(
      "unsupported/version",
      `${path}: the data directory has format ${format}, made${by}; this Skerry reads up to format ${DATA_FORMAT}.`,
      { hint: "Start the newer Skerry again, or choose another directory: --data DIR.", details: { format } },
    );
  }
  if (typeof cluster !== "string" || !isUid(cluster)) throw damaged(path, "it names no cluster");
  if (typeof createdAt !== "string" || typeof skerry !== "string") throw damaged(path, "fields are missing");
  const populated = (value as Record<string, unknown>)["populated"] === true;
  return { format, cluster, createdAt, skerry, populated };
}

function damaged(path: string, why: string, cause?: unknown): SkerryError {
  return new SkerryError("internal/corrupt", `${path} is damaged: ${why}. Nothing was changed.`, {
    hint: `Restore ${path} from a backup; the cluster's uid is in it, and the rest of the directory belongs to that uid.`,
    cause,
  });
}

/** Makes a new cloud's file: whole and durable under its name when it resolves, or not there at all. */
export async function createClusterFile(
  layout: DataLayout,
  world: { disk: Disk; clock: Clock; random: Random; version: string },
): Promise<ClusterFile> {
  const { disk, clock, random, version } = world;
  const content: ClusterFile = {
    format: DATA_FORMAT,
    cluster: newUid(random),
    createdAt: new Date(clock.wallMs()).toISOString(),
    skerry: version,
    populated: false,
  };
  await writeClusterFile(layout, disk, content);
  return content;
}

/** Whole and durable under its name when it resolves, or as it was before. */
export async function writeClusterFile(layout: DataLayout, disk: Disk, content: ClusterFile): Promise<void> {
  const fresh = `${layout.clusterFile}.new`;
  {
    // What a start that was cut off left there goes.
    await using file = await disk.open(fresh, { write: true, create: "if-missing" });
    await file.truncate(0);
    await file.write(Buffer.from(`${JSON.stringify(content, null, 2)}\n`), 0);
    await file.syncData();
  }
  await disk.rename(fresh, layout.clusterFile);
  await disk.syncDirectory(layout.path);
}
