/** Which files are tests. */
import { packageNames, walkFolder } from "../check/source.ts";

/** Fewer than this means that the search is broken, not that the tests went. */
export const MINIMUM_FILES = 60;

/**
 * Paths from the root, sorted; journeys first, since they take longest. `only`: parts of paths, any of which must occur.
 * The quick tier leaves out `*.full.test.ts`.
 */
export function collectTestFiles(root: string, tier: "quick" | "full", only: readonly string[] = []): string[] {
  const packages = packageNames(root).map((name) => `packages/${name}`);
  const below = (folders: readonly string[], test: RegExp): string[] =>
    folders.flatMap((folder) => walkFolder(root, folder)).filter((path) => test.test(path));
  const journeys = below(
    packages.map((folder) => `${folder}/journeys`),
    /\.test\.ts$/,
  );
  const units = below([...packages.map((folder) => `${folder}/src`), "tools"], /\.test\.tsx?$/);
  const all = [...journeys, ...units].filter((path) => tier === "full" || !/\.full\.test\.tsx?$/.test(path));
  return only.length === 0 ? all : all.filter((path) => only.some((part) => path.includes(part)));
}
