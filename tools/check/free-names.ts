/**
 * The names that a module takes from outside: identifiers that nothing in it declares. Declarations count for the whole
 * function that holds them (not only their block), which is close enough for finding globals.
 */
import { childrenOf, isNode, isWrapper, type Node, textOf } from "./source.ts";

export interface FreeName {
  readonly name: string;
  readonly node: Node;
  /** Innermost last. */
  readonly ancestors: readonly Node[];
}

const FUNCTIONS = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);

export function isFunction(node: Node): boolean {
  return FUNCTIONS.has(node.type) && isNode(node["body"]);
}

export function freeNames(program: Node): FreeName[] {
  const found: FreeName[] = [];
  const visit = (node: Node, scopes: readonly ReadonlySet<string>[], ancestors: readonly Node[]): void => {
    if (node.type.startsWith("TS") && !isWrapper(node)) return;
    if (node.type === "ImportDeclaration") return;
    const inner = isFunction(node) ? [...scopes, declaredIn(node)] : scopes;
    if (node.type === "Identifier") {
      const name = node["name"] as string;
      if (isReference(node, ancestors.at(-1)) && !scopes.some((scope) => scope.has(name))) {
        found.push({ name, node, ancestors });
      }
      return;
    }
    const below = [...ancestors, node];
    const children = isWrapper(node) ? [node["expression"] as Node] : childrenOf(node);
    for (const child of children) visit(child, inner, below);
  };
  visit(program, [declaredIn(program)], []);
  return found;
}

/** False for names of properties, labels and the like, which look up nothing. */
function isReference(node: Node, parent: Node | undefined): boolean {
  switch (parent?.type) {
    case "MemberExpression":
      return parent["property"] !== node || parent["computed"] === true;
    case "Property":
    case "MethodDefinition":
    case "PropertyDefinition":
    case "AccessorProperty":
      return parent["key"] !== node || parent["computed"] === true;
    case "ExportSpecifier":
      return parent["local"] === node;
    case "LabeledStatement":
    case "BreakStatement":
    case "ContinueStatement":
    case "MetaProperty":
      return false;
    default:
      return true;
  }
}

/** Names that a function or module declares: parameters, variables, functions, classes, imports, its own name. */
function declaredIn(scope: Node): ReadonlySet<string> {
  const names = new Set<string>();
  for (const parameter of (scope["params"] ?? []) as Node[]) bind(parameter, names);
  if (scope.type === "FunctionExpression") bind(scope["id"], names);
  const visit = (node: Node): void => {
    if (node.type === "VariableDeclarator" || node.type === "ClassDeclaration" || node.type === "FunctionDeclaration") {
      bind(node["id"], names);
    } else if (node.type === "CatchClause") bind(node["param"], names);
    else if (node.type.startsWith("Import") && isNode(node["local"])) bind(node["local"], names);
    else if (node.type === "ClassExpression") bind(node["id"], names);
    if (!isFunction(node)) for (const child of childrenOf(node)) visit(child);
  };
  for (const child of childrenOf(scope)) visit(child);
  return names;
}

function bind(pattern: unknown, names: Set<string>): void {
  if (!isNode(pattern)) return;
  if (pattern.type === "Identifier") names.add(textOf(pattern) ?? "");
  else if (pattern.type === "AssignmentPattern") bind(pattern["left"], names);
  else if (pattern.type === "RestElement") bind(pattern["argument"], names);
  else if (pattern.type === "Property") bind(pattern["value"], names);
  else for (const child of childrenOf(pattern)) bind(child, names);
}
