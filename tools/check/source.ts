/** The sources of the checkout, parsed: what every tidy rule works on. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync, visitorKeys } from "oxc-parser";

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
  /** Warnings are printed and fail nothing. */
  readonly warning?: boolean;
}

/** A node of the ESTree that oxc-parser gives, read without its 200 types. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

export interface Comment {
  readonly type: "Line" | "Block";
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

export interface ImportEdge {
  /** Absent when a dynamic import's specifier is not a literal. */
  readonly specifier: string | undefined;
  readonly line: number;
  /** `import type`, `export type ... from`, `import("x").T`: gone at run time. */
  readonly typeOnly: boolean;
  /** How it loads: `url` is `new URL("./x.ts", import.meta.url)` (threads) and `import.meta.resolve`. */
  readonly kind: "static" | "dynamic" | "url";
  /** Names taken from it; `*` for a namespace or all, `default` for the default export. */
  readonly names: readonly string[];
}

export interface Source {
  /** From the root of the checkout, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  readonly program: Node;
  readonly comments: readonly Comment[];
  readonly imports: readonly ImportEdge[];
  /** A test, or what tests share: it imports node:test or node:assert. Nothing else may import it. */
  readonly isTest: boolean;
  lineAt(offset: number): number;
}

const SKIPPED = new Set(["node_modules", "dist", ".cache", ".git", "coverage"]);
const PLACES = ["src", "bench", "journeys"];

/** Paths below `folder`, files and folders (folders end with `/`), sorted. */
export function walkFolder(root: string, folder: string): string[] {
  let entries: import("node:fs").Dirent[];
  try {
    entries = readdirSync(join(root, folder), { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return entries
    .filter((entry) => !SKIPPED.has(entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      return entry.isDirectory() ? [`${path}/`, ...walkFolder(root, path)] : [path];
    });
}

export function packageNames(root: string): string[] {
  return readdirSync(join(root, "packages")).sort();
}

/** Every file and folder that holds our code. */
export function listPlaces(root: string): string[] {
  const folders = packageNames(root).flatMap((name) => PLACES.map((place) => `packages/${name}/${place}`));
  return [...folders, "tools"].flatMap((folder) => walkFolder(root, folder));
}

export function readSources(root: string): Source[] {
  return listPlaces(root)
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => parseSource(path, readFileSync(join(root, path), "utf8")));
}

export function parseSource(path: string, text: string): Source {
  const parsed = parseSync(path, text);
  const error = parsed.errors[0];
  if (error) throw new Error(`${path}: ${error.message}`);
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  const lineAt = (offset: number): number => starts.findLastIndex((start) => start <= offset) + 1;
  const program = parsed.program as unknown as Node;
  const imports = importsOf(program, lineAt);
  const testing = imports.some(({ specifier, typeOnly }) => !typeOnly && /^node:(test|assert)\b/.test(specifier ?? ""));
  return {
    path,
    text,
    lines: text.endsWith("\n") ? starts.length - 1 : starts.length,
    program,
    comments: parsed.comments as readonly Comment[],
    imports,
    isTest: testing || /\.test\.tsx?$/.test(path),
    lineAt,
  };
}

/** Calls `enter` for each node with its ancestors, innermost last; `false` skips what is below. */
export function walk(node: Node, enter: (node: Node, ancestors: readonly Node[]) => boolean | undefined): void {
  const ancestors: Node[] = [];
  const visit = (current: Node): void => {
    if (enter(current, ancestors) === false) return;
    ancestors.push(current);
    for (const child of childrenOf(current)) visit(child);
    ancestors.pop();
  };
  visit(node);
}

export function childrenOf(node: Node): Node[] {
  const keys = (visitorKeys as Record<string, readonly string[]>)[node.type] ?? [];
  return keys.flatMap((key) => node[key]).filter((child): child is Node => isNode(child));
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as Node).type === "string";
}

/** The name of an Identifier, the value of a string literal, else undefined. */
export function textOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === "Identifier") return node["name"] as string;
  if (node.type === "Literal" && typeof node["value"] === "string") return node["value"];
  if (node.type === "TemplateLiteral" && (node["expressions"] as Node[]).length === 0) {
    return ((node["quasis"] as Node[])[0]?.["value"] as { cooked: string } | undefined)?.cooked;
  }
  return undefined;
}

/** The literal string that a node is, else undefined: identifiers are not literals. */
function literal(node: unknown): string | undefined {
  return isNode(node) && node.type !== "Identifier" ? textOf(node) : undefined;
}

/** TypeScript's expressions that wrap one of JavaScript; every other `TS*` node is gone at run time. */
const WRAPPERS = new Set([
  "TSAsExpression",
  "TSSatisfiesExpression",
  "TSNonNullExpression",
  "TSTypeAssertion",
  "TSInstantiationExpression",
]);

export function isWrapper(node: Node): boolean {
  return WRAPPERS.has(node.type);
}

/** `a.b.c` for a chain of plain member accesses, whatever types are asserted on the way, else undefined. */
export function dottedName(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (isWrapper(node) || node.type === "ParenthesizedExpression") return dottedName(node["expression"]);
  if (node.type === "Identifier") return node["name"] as string;
  if (node.type === "MetaProperty") return `${textOf(node["meta"])}.${textOf(node["property"])}`;
  if (node.type !== "MemberExpression") return undefined;
  const object = dottedName(node["object"]);
  const property = node["computed"] === true ? literal(node["property"]) : textOf(node["property"]);
  return object === undefined || property === undefined ? undefined : `${object}.${property}`;
}

function importsOf(program: Node, lineAt: (offset: number) => number): ImportEdge[] {
  const edges: ImportEdge[] = [];
  walk(program, (node) => {
    for (const edge of edgesOf(node)) edges.push({ ...edge, line: lineAt(node.start) });
    return undefined;
  });
  return edges;
}

type Edge = Omit<ImportEdge, "line">;

function edgesOf(node: Node): Edge[] {
  const specifier = literal(node["source"]);
  switch (node.type) {
    case "ImportDeclaration": {
      const taken = node["specifiers"] as Node[];
      const types = taken.length > 0 && taken.every((one) => one["importKind"] === "type");
      const typeOnly = node["importKind"] === "type" || types;
      const values = taken.filter((one) => one["importKind"] !== "type");
      return [{ specifier, typeOnly, kind: "static", names: values.map(importedName) }];
    }
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
      if (node["source"] === null) return [];
      return [{ specifier, typeOnly: node["exportKind"] === "type", kind: "static", names: ["*"] }];
    case "TSImportType":
      return [{ specifier, typeOnly: true, kind: "static", names: [] }];
    case "ImportExpression":
      return literals(node["source"]).map((one) => ({
        specifier: one,
        typeOnly: false,
        kind: "dynamic",
        names: ["*"],
      }));
    default:
      return urlEdges(node);
  }
}

/** What a specifier can be: both arms of `published ? "./x.js" : "./x.ts"`; undefined for what is no literal. */
function literals(node: unknown): (string | undefined)[] {
  if (isNode(node) && node.type === "ConditionalExpression") {
    return [...literals(node["consequent"]), ...literals(node["alternate"])];
  }
  return [literal(node)];
}

function importedName(specifier: Node): string {
  if (specifier.type === "ImportNamespaceSpecifier") return "*";
  if (specifier.type === "ImportDefaultSpecifier") return "default";
  return textOf(specifier["imported"]) ?? "*";
}

function urlEdges(node: Node): Edge[] {
  const [first, second] = (node["arguments"] ?? []) as Node[];
  const callee = dottedName(node["callee"]);
  const byUrl = node.type === "NewExpression" && callee === "URL" && dottedName(second) === "import.meta.url";
  const byResolve = node.type === "CallExpression" && callee === "import.meta.resolve";
  if (!byUrl && !byResolve) return [];
  return literals(first).map((specifier) => ({ specifier, typeOnly: false, kind: "url", names: ["*"] }));
}
