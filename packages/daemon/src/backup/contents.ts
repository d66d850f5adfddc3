/** What of a data directory is in a backup, and under which names. */
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { type DataLayout, layoutOf } from "../data/layout.ts";

/** Entries of the store, as JSON lists; then the index as a SQLite file; then small files, by their paths in DATA. */
export const STORE_PART = "store";
export const INDEX_PART = "index";
const FILE_PREFIX = "file/";

/** Each place of the data directory: what becomes of it, and why. A new one is decided about here. */
const PLACES: Readonly<Record<Exclude<keyof DataLayout, "path">, "store" | "index" | "file" | "folder" | "left out">> =
  {
    clusterFile: "file",
    storeFile: "store",
    indexDirectory: "index",
    chunkserversFile: "file",
    authDirectory: "folder",
    firstPasswordFile: "file",
    // Without it the sealed secrets of the store open no more.
    masterKeyFile: "file",
    // Clients trust this authority.
    gatewayDirectory: "folder",
    // Too much of it: replicas are what storage keeps three of.
    storageDirectory: "left out",
    // History: it is not needed to go on, and stays where it is.
    auditDirectory: "left out",
    logDirectory: "left out",
    accessLogDirectory: "left out",
    // Without a meaning after the process.
    lockFile: "left out",
    runDirectory: "left out",
    pidFile: "left out",
    socketPath: "left out",
    sitesSocket: "left out",
    imageSpoolDirectory: "left out",
    answersDirectory: "left out",
  };

type Place = keyof typeof PLACES;

/** Any path: only what is below it is looked at. */
const SAMPLE = layoutOf("/data");

/** Where a place lies below the data directory. */
export function pathInData(place: Place): string {
  return SAMPLE[place].slice(SAMPLE.path.length + 1);
}

/** Paths below the data directory of the places that are `what`. */
export function pathsInData(what: "file" | "folder"): readonly string[] {
  return (Object.keys(PLACES) as Place[]).filter((place) => PLACES[place] === what).map(pathInData);
}

export function filePartName(pathInData: string): string {
  return `${FILE_PREFIX}${pathInData}`;
}

/** The path below the data directory that a part is for. @throws `internal/corrupt` for one that no backup of ours has. */
export function pathOfPart(name: string): string {
  const path = name.startsWith(FILE_PREFIX) ? name.slice(FILE_PREFIX.length) : "";
  const folder = pathsInData("folder").find((one) => path.startsWith(`${one}/`));
  const inFolder = folder !== undefined && isFileName(path.slice(folder.length + 1));
  if (inFolder || pathsInData("file").includes(path)) return path;
  throw new SkerryError("internal/corrupt", `A backup has no part ${JSON.stringify(name.slice(0, 80))}.`, {
    hint: "It may be of a newer Skerry: restore it with that one.",
  });
}

/** Of a file that goes into a backup from a folder of the data directory; nothing that could lead elsewhere. */
export function isFileName(name: string): boolean {
  return /^[a-z0-9][a-z0-9._-]{0,100}$/.test(name);
}
