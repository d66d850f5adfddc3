/** Imports go one way: each import, resolved, against the table in layers.ts. */
import { posix } from "node:path";
import { isOutsideTheLayers, LAZY_IMPORTS, type Layer, layerOf, mayImport } from "./layers.ts";
import { dottedName, type Finding, type ImportEdge, type Source, walk } from "./source.ts";

const RULE = "layers";

interface Context {
  /** Lazy imports found so far. */
  readonly lazySeen: Set<string>;
  readonly forTests: (path: string) => boolean;
}

export function checkLayers(sources: readonly Source[]): Finding[] {
  const suites = new Set(sources.filter(({ isTest }) => isTest).map(({ path }) => path));
  const forTests = (path: string): boolean => isOutsideTheLayers(path) || suites.has(path);
  const context: Context = { lazySeen: new Set(), forTests };
  return sources
    .filter((source) => !forTests(source.path))
    .flatMap((source) => {
      const layer = layerOf(source.path);
      if (!layer) return [at(source, 1, "lies in no layer: give its folder a row in tools/check/layers.ts")];
      return [...source.imports.flatMap((edge) => checkEdge(source, layer, edge, context)), ...loadingByHand(source)];
    });
}

function at(source: Source, line: number, message: string): Finding {
  return { path: source.path, line, rule: RULE, message };
}

function checkEdge(source: Source, layer: Layer, edge: ImportEdge, context: Context): Finding[] {
  const { specifier, line } = edge;
  if (specifier === undefined) return [at(source, line, "imports what is not a literal: no rule can see it")];
  if (specifier === "module" || specifier === "node:module") {
    return [at(source, line, `${specifier} loads modules by hand, which evades this rule`)];
  }
  const lightWay = edge.typeOnly || source.path.includes("/testing/") ? undefined : LIGHT_WAYS.get(specifier);
  if (lightWay !== undefined) return [at(source, line, `${specifier} is heavy: take what it has from ${lightWay}`)];
  if (LAZY_IMPORTS.some((row) => row.specifier === specifier && row.file === source.path)) {
    return checkLazy(source, edge, context.lazySeen);
  }
  const target = resolveOurs(source.path, specifier);
  if (target === undefined) return [];
  if (context.forTests(target)) return [at(source, line, `${specifier} is for tests and tools: nothing imports it`)];
  const other = layerOf(target);
  if (!other) return edge.kind === "url" ? [] : [at(source, line, `${specifier} lies in no layer`)];
  if (mayImport(layer, other)) return [];
  const allowed = layer.may.length === 0 ? "nothing else of ours" : `only ${layer.may.join(", ")}`;
  return [at(source, line, `${specifier} belongs to ${other.name}; ${layer.name} imports ${allowed}`)];
}

function checkLazy(source: Source, edge: ImportEdge, seen: Set<string>): Finding[] {
  if (edge.typeOnly) return [];
  if (edge.kind !== "dynamic") return [at(source, edge.line, `${edge.specifier} is imported lazily: await import()`)];
  const key = `${source.path} ${edge.specifier}`;
  if (seen.has(key)) return [at(source, edge.line, `${edge.specifier} is imported here twice`)];
  seen.add(key);
  return [];
}

/** The path in the checkout that a specifier means, or undefined when it is not ours. */
function resolveOurs(from: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return posix.normalize(posix.join(posix.dirname(from), specifier));
  const own = /^@skerry\/([^/]+)(?:\/(.*))?$/.exec(specifier);
  return own === null ? undefined : `packages/${own[1]}/src/${own[2] ?? ""}`;
}

/** What is heavy when it is imported, and the file that all of us take it from. */
const LIGHT_WAYS: ReadonlyMap<string, string> = new Map([["node:http", "packages/core/src/contract/node-http.ts"]]);

const BY_HAND = new Set([
  "require",
  "require.resolve",
  "process.getBuiltinModule",
  "process.binding",
  "process.dlopen",
]);

function loadingByHand(source: Source): Finding[] {
  const found: Finding[] = [];
  if ([...LIGHT_WAYS.values()].includes(source.path)) return found;
  walk(source.program, (node) => {
    const callee = node.type === "CallExpression" ? dottedName(node["callee"]) : undefined;
    if (callee !== undefined && BY_HAND.has(callee)) {
      found.push(at(source, source.lineAt(node.start), `${callee}() loads modules by hand, which evades this rule`));
    }
    return undefined;
  });
  return found;
}
