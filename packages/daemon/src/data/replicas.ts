/** Files of replicas, while no daemon runs: committed ones, and staged ones, which the next start rolls forward. */
import { readdirSync } from "node:fs";
import { join } from "node:path";

/** By the first two digits of their names. */
export function replicaFiles(directories: readonly string[]): (prefix: string) => ReadonlySet<string> {
  const names = (path: string): string[] => {
    try {
      return readdirSync(path);
    } catch {
      // A disk that is away has none.
      return [];
    }
  };
  const staged = directories.flatMap((directory) => names(join(directory, "staging")));
  return (prefix) =>
    new Set([...staged, ...directories.flatMap((directory) => names(join(directory, "chunks", prefix)))]);
}
