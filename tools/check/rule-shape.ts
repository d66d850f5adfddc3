/** Names and sizes: what keeps a thing findable by its word and a file readable in one go. */
import { isFunction } from "./free-names.ts";
import { type Finding, isNode, type Node, type Source, textOf, walk } from "./source.ts";

const SHAPE = {
  /** Lines of a file: more is told, then refused. */
  warnFileLines: 300,
  maxFileLines: 400,
  /** Lines of a function. One that declares tests, such as the callback of a `describe`, is a chapter and has no limit. */
  maxFunctionLines: 70,
} as const;

const NO_NAME = /(^|[-_.])(utils?|helpers?|misc|common)$/i;

/** `paths` are files and folders (ending with `/`). */
export function checkNames(paths: readonly string[]): Finding[] {
  return paths.flatMap((path) => {
    const last = path.replace(/\/$/, "").split("/").at(-1) ?? "";
    const stem = path.endsWith("/") ? last : last.replace(/(\.test|\.d)?\.[a-z]+$/, "");
    if (!NO_NAME.test(stem)) return [];
    return [{ path, line: 1, rule: "names", message: `${last} says nothing: name it by what is in it` }];
  });
}

export function checkSizes(sources: readonly Source[]): Finding[] {
  return sources.flatMap((source) => [...fileSize(source), ...functionSizes(source)]);
}

function fileSize({ path, lines }: Source): Finding[] {
  if (lines <= SHAPE.warnFileLines) return [];
  const message = `${lines} lines; ${SHAPE.maxFileLines} is the most, ${SHAPE.warnFileLines} the aim`;
  return [{ path, line: lines, rule: "sizes", message, warning: lines <= SHAPE.maxFileLines }];
}

function functionSizes(source: Source): Finding[] {
  const found: Finding[] = [];
  walk(source.program, (node, ancestors) => {
    if (!isFunction(node) || (source.isTest && isChapter(node, ancestors.at(-1)))) return undefined;
    const first = source.lineAt(node.start);
    const lines = source.lineAt(node.end) - first + 1;
    if (lines <= SHAPE.maxFunctionLines) return undefined;
    const name = textOf(node["id"]) ?? nameFrom(ancestors.at(-1)) ?? "a function";
    const message = `${name} has ${lines} lines; ${SHAPE.maxFunctionLines} is the most`;
    found.push({ path: source.path, line: first, rule: "sizes", message });
    return undefined;
  });
  return found;
}

/** The callback of a `describe`, and a function that declares tests one after another: each test counts by itself. */
function isChapter(node: Node, parent: Node | undefined): boolean {
  if (isCallOf(parent, ["describe", "suite"]) && (parent["arguments"] as Node[]).includes(node)) return true;
  const statements = (node["body"] as Node)["body"];
  if (!Array.isArray(statements) || isCallOf(parent, ["test", "it"])) return false;
  return (statements as Node[]).some((one) => isCallOf(one["expression"], ["describe", "suite", "test", "it"]));
}

function isCallOf(node: unknown, names: readonly string[]): node is Node {
  return isNode(node) && node.type === "CallExpression" && names.includes(textOf(node["callee"]) ?? "");
}

function nameFrom(parent: Node | undefined): string | undefined {
  return textOf(parent?.["key"]) ?? textOf(parent?.["id"]);
}
