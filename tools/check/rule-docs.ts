/** What must be documented: every folder of src, every error code and reason, every limit. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ERROR_TABLE } from "../../packages/core/src/domain/errors.ts";
import { type Finding, listPlaces, type Node, type Source, textOf } from "./source.ts";

const DOCS = "docs";
const ARCHITECTURE = "ARCHITECTURE.md";
const ERRORS = "docs/errors.md";
const LIMITS = "packages/core/src/domain/limits.ts";
/** The table is made of parts: `limits-gateway.ts` ... */
const LIMIT_FILES = /^packages\/core\/src\/domain\/limits(-[a-z]+)?\.ts$/;

/** Bounds whose name and unit say it all, or that share the comment of the one above. */
const SELF_EVIDENT_LIMITS: ReadonlySet<string> = new Set([
  "store.maxLeaseMs",
  "auth.loginWindowMs",
  "auth.sessionMs",
  "auth.minPasswordLength",
  "auth.maxPasswordLength",
  "auth.auditFiles",
  "http.keepAliveMs",
  "log.files",
  "jobs.maxBackoffMs",
  "auth.lastUsedEveryMs",
  "log.maxEntries",
  "log.maxValues",
]);

/**
 * Each folder of `packages/<name>/src` stands in ARCHITECTURE.md in backquotes, as `packages/core/src/domain` or
 * `core/src/domain`, with words after it on the line. `.../commands/**` describes the folder and all below it at once.
 */
export function checkFolders(root: string): Finding[] {
  if (!existsSync(join(root, ARCHITECTURE))) {
    return [{ path: ARCHITECTURE, line: 1, rule: DOCS, message: "is missing: it says where things are" }];
  }
  const described = describedFolders(readFileSync(join(root, ARCHITECTURE), "utf8"));
  return listPlaces(root)
    .filter((path) => /^packages\/[^/]+\/src\/.*\/$/.test(path))
    .map((path) => path.slice("packages/".length, -1))
    .filter((folder) => !described.some((entry) => covers(entry, folder)))
    .map((folder) => ({
      path: ARCHITECTURE,
      line: 1,
      rule: DOCS,
      message: `does not say what \`packages/${folder}\` is for`,
    }));
}

function covers(entry: string, folder: string): boolean {
  return folder === entry || (entry.endsWith("/**") && `${folder}/`.startsWith(entry.slice(0, -2)));
}

function describedFolders(text: string): string[] {
  return text
    .split("\n")
    .flatMap((line) =>
      [...line.matchAll(/`([\w@./*-]+)`/g)]
        .filter((match) => /[a-z]{2,}/i.test(line.slice(match.index + match[0].length).replaceAll(/`[^`]*`/g, "")))
        .map((match) => (match[1] ?? "").replace(/^packages\//, "").replace(/\/$/, "")),
    );
}

interface ErrorRow {
  readonly id: string;
  readonly status: string;
  readonly exit: string;
  readonly retry: string;
}

/** What docs/errors.md must say, in its order: each code, then its reasons. */
function errorRows(): ErrorRow[] {
  return Object.entries(ERROR_TABLE).flatMap(([code, row]) => {
    const retry = row.retryable ? "yes" : "no";
    const make = (id: string, status: number): ErrorRow => ({ id, status: `${status}`, exit: `${row.exit}`, retry });
    const reasons = Object.entries(row.reasons as Record<string, number>);
    return [make(code, row.status), ...reasons.map(([reason, status]) => make(`${code}/${reason}`, status))];
  });
}

/** The rows of the tables of docs/errors.md against the table in domain/errors.ts: the same ids, numbers, order. */
export function checkErrors(root: string): Finding[] {
  if (!existsSync(join(root, ERRORS))) {
    return [{ path: ERRORS, line: 1, rule: DOCS, message: "is missing: it explains every error code and reason" }];
  }
  const wanted = new Map(errorRows().map((row) => [row.id, row]));
  const order = [...wanted.keys()];
  const rows = readFileSync(join(root, ERRORS), "utf8")
    .split("\n")
    .map((text, index) => ({ line: index + 1, cells: text.split("|").map((cell) => cell.trim()) }))
    .filter(({ cells }) => /^`[^`]+`$/.test(cells[1] ?? ""))
    .map(({ line, cells }) => ({ line, cells: cells.slice(2, -1), id: (cells[1] ?? "").replaceAll("`", "") }));
  const seen = rows.map(({ id }) => id);
  const found = rows.flatMap(({ line, id, cells }) =>
    rowTroubles(wanted.get(id), cells).map((trouble) => ({
      path: ERRORS,
      line,
      rule: DOCS,
      message: `${id} ${trouble}`,
    })),
  );
  for (const id of order.filter((one) => !seen.includes(one))) {
    found.push({ path: ERRORS, line: 1, rule: DOCS, message: `${id} is missing` });
  }
  if (found.length === 0 && seen.join() !== order.join()) {
    found.push({ path: ERRORS, line: 1, rule: DOCS, message: "keep the order of domain/errors.ts, each once" });
  }
  return found;
}

function rowTroubles(row: ErrorRow | undefined, cells: readonly string[]): string[] {
  if (!row) return ["is not in domain/errors.ts"];
  const [status, exit, retry, meaning = "", action = ""] = cells;
  return [
    status === row.status ? "" : `has status ${row.status}, not ${status}`,
    exit === row.exit ? "" : `has exit status ${row.exit}, not ${exit}`,
    retry === row.retry ? "" : `may succeed by a retry: ${row.retry}, not ${retry}`,
    meaning.length >= 10 ? "" : "does not say what it means",
    action.length >= 10 ? "" : "does not say what to do",
  ].filter((trouble) => trouble !== "");
}

/** Every bound has a doc comment right above it or is self-evident, and somebody keeps to it. */
export function checkLimits(sources: readonly Source[]): Finding[] {
  const files = sources.filter(({ path }) => LIMIT_FILES.test(path));
  if (!files.some(({ path }) => path === LIMITS)) {
    return [{ path: LIMITS, line: 1, rule: DOCS, message: "is missing" }];
  }
  const leaves = files.flatMap(limitLeaves);
  const bare = leaves
    .filter(({ name, isTold }) => !isTold && !SELF_EVIDENT_LIMITS.has(name))
    .map(({ name, path, line }) => {
      const message = `${name} needs a doc comment: what is bounded, and what happens beyond`;
      return { path, line, rule: DOCS, message };
    });
  const stale = [...SELF_EVIDENT_LIMITS].filter(
    (known) => !leaves.some(({ name, isTold }) => name === known && !isTold),
  );
  if (stale.length > 0) {
    const message = `${stale.join(", ")}: gone or documented, take it out of SELF_EVIDENT_LIMITS in rule-docs.ts`;
    bare.push({ path: LIMITS, line: 1, rule: DOCS, message });
  }
  const others = sources.filter(({ path }) => !LIMIT_FILES.test(path) && !/\.test\.tsx?$/.test(path));
  const idle = leaves.map(({ name }) => name).filter((name) => !isKept(files, others, name.split(".").at(-1) ?? ""));
  if (idle.length === 0) return bare;
  const message = `nothing keeps to ${idle.join(", ")}`;
  return [...bare, { path: LIMITS, line: 1, rule: DOCS, message, warning: true }];
}

/** Some source names it, or another bound is derived from it. */
function isKept(files: readonly Source[], others: readonly Source[], name: string): boolean {
  return others.some(({ text }) => text.includes(`.${name}`)) || files.some((source) => isRelated(source, name));
}

function isRelated({ text }: Source, name: string): boolean {
  const assertions = text.indexOf("assertLimit(");
  return assertions >= 0 && text.slice(assertions).includes(`.${name}`);
}

interface Limit {
  /** `store.maxPageEntries` */
  readonly name: string;
  readonly path: string;
  readonly line: number;
  readonly isTold: boolean;
}

function limitLeaves(source: Source): Limit[] {
  const told = new Set(source.comments.filter(({ type }) => type === "Block").map(({ end }) => source.lineAt(end)));
  const leaves: Limit[] = [];
  const visit = (node: Node, prefix: string): void => {
    for (const property of node["properties"] as Node[]) {
      if (property.type === "SpreadElement") continue; // another file's
      const name = `${prefix}${textOf(property["key"])}`;
      const value = property["value"] as Node;
      const line = source.lineAt(property.start);
      if (value.type === "ObjectExpression") visit(value, `${name}.`);
      else leaves.push({ name, path: source.path, line, isTold: told.has(line - 1) });
    }
  };
  const table = limitsTable(source.program);
  if (table) visit(table, "");
  return leaves;
}

/** The object of `export const LIMITS = {...} as const`, or of a part of it. */
function limitsTable(program: Node): Node | undefined {
  for (const statement of program["body"] as Node[]) {
    const declaration = (statement["declaration"] ?? statement) as Node;
    const declarators = (declaration["declarations"] ?? []) as Node[];
    const limits = declarators.find((one) => /(^|_)LIMITS$/.test(textOf(one["id"]) ?? ""));
    const init = limits?.["init"] as Node | undefined;
    if (init) return (init.type === "TSAsExpression" ? init["expression"] : init) as Node;
  }
  return undefined;
}
