/** The repository's own rules, over a checkout: what `npm run check` and the canary run. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { biomeOverrides } from "./biome-config.ts";
import { DRIVERS } from "./drivers.ts";
import { checkErrors, checkFolders, checkLimits } from "./rule-docs.ts";
import { checkLayers } from "./rule-layers.ts";
import { checkNames, checkSizes } from "./rule-shape.ts";
import { checkWorld } from "./rule-world.ts";
import { type Finding, listPlaces, readSources } from "./source.ts";

/** @param root the checkout, absolute. Findings in the order of rules. */
export function checkTidy(root: string, drivers = DRIVERS): Finding[] {
  const sources = readSources(root);
  return [
    ...checkBiomeConfig(root),
    ...checkLayers(sources),
    ...checkWorld(sources, drivers),
    ...checkNames(listPlaces(root)),
    ...checkSizes(sources),
    ...checkFolders(root),
    ...checkErrors(root),
    ...checkLimits(sources),
  ];
}

function checkBiomeConfig(root: string): Finding[] {
  const config = JSON.parse(readFileSync(join(root, "biome.json"), "utf8")) as { overrides?: unknown };
  if (isDeepStrictEqual(config.overrides, biomeOverrides())) return [];
  return [{ path: "biome.json", line: 1, rule: "layers", message: "is older than layers.ts: npm run check:layers" }];
}

export function formatFinding({ path, line, rule, message, warning }: Finding): string {
  return `${path}:${line} ${warning ? "warning " : ""}${rule}: ${message}`;
}
