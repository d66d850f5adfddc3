/**
 * Makes the part of biome.json that enforces the layers. Biome matches the text of a specifier, so each layer gets a list
 * of what it must not write; the tidy test checks the same table on resolved paths.
 *
 * `npm run check:layers` writes biome.json; the tidy test fails when it is out of date.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { LAYERS, LAZY_IMPORTS, type Layer, layerOf, mayImport } from "./layers.ts";

interface Restriction {
  paths: Record<string, string>;
  patterns: { group: string[]; message: string }[];
}

const NO_MODULE = "Loading by hand evades the import rule: use import.";
const EVERYWHERE: Restriction["paths"] = { "node:module": NO_MODULE, module: NO_MODULE };

/** How a file of the layer could name a file of core's folder `name`, at any depth that we use. */
function relativePatterns(name: string): string[] {
  return [1, 2, 3, 4].map((depth) => `${"../".repeat(depth)}${name}/**`);
}

/** `@skerry/core/store/**` for a layer of core, `@skerry/daemon/**` for a package. */
function packagePattern(layer: Layer): string {
  const [, name, , folder] = layer.folder.split("/");
  return folder === undefined ? `@skerry/${name}/**` : `@skerry/${name}/${folder}/**`;
}

const isCore = (layer: Layer): boolean => layer.folder.startsWith("packages/core/");

function restrictionOf(layer: Layer): Restriction {
  const denied = LAYERS.filter((other) => !mayImport(layer, other));
  const allowed = layer.may.length === 0 ? "nothing of ours" : `only ${layer.may.join(", ")} of ours`;
  const message = `${layer.name} imports ${allowed}; see tools/check/layers.ts.`;
  if (isCore(layer)) {
    const group = denied.filter(isCore).flatMap((other) => relativePatterns(other.folder.split("/").at(-1) ?? ""));
    return { paths: EVERYWHERE, patterns: [{ group: [...group, "@skerry/**"], message }] };
  }
  if (layer.name.startsWith("daemon")) {
    const inside = denied.filter((other) => other.folder.startsWith(`${layer.folder}/`));
    const group = [...denied.map(packagePattern), ...inside.flatMap((other) => relativeInside(layer, other))];
    return { paths: EVERYWHERE, patterns: [{ group, message }] };
  }
  // By text Biome can only allow them in the whole layer; the tidy test knows the files.
  const lazy = new Set(LAZY_IMPORTS.filter((row) => layerOf(row.file) === layer).map((row) => `!${row.specifier}`));
  const may = LAYERS.filter((other) => layer.may.includes(other.name)).map((other) => `!${packagePattern(other)}`);
  return { paths: EVERYWHERE, patterns: [{ group: ["@skerry/**", ...may, ...lazy], message }] };
}

function relativeInside(outer: Layer, inner: Layer): string[] {
  const name = inner.folder.slice(outer.folder.length + 1);
  return [`./${name}/**`, ...relativePatterns(name)];
}

function rule(options: Restriction): object {
  return { linter: { rules: { style: { noRestrictedImports: { level: "error", options } } } } };
}

/** The whole `overrides` of biome.json. Later ones win, so inner folders come last. */
export function biomeOverrides(): object[] {
  const layers = [...LAYERS].sort((a, b) => a.folder.length - b.folder.length);
  return [
    { includes: ["packages/**", "tools/**"], ...rule({ paths: EVERYWHERE, patterns: [] }) },
    ...layers.map((layer) => ({
      includes: [`${layer.folder}/**`, "!**/*.test.ts", "!**/*.test.tsx"],
      ...rule(restrictionOf(layer)),
    })),
  ];
}

if (import.meta.main) {
  const root = resolve(import.meta.dirname, "../..");
  const path = resolve(root, "biome.json");
  const config = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  writeFileSync(path, `${JSON.stringify({ ...config, overrides: biomeOverrides() }, null, 2)}\n`);
  execFileSync(resolve(root, "node_modules/.bin/biome"), ["format", "--write", "biome.json"], { cwd: root });
}
