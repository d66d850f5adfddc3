/**
 * Files of declarations: YAML documents or JSON. What could make a parser burn memory or stack (aliases, depth, size) is
 * found in the flat syntax tree, before anything is composed.
 */
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { Composer, type CST, type Document, LineCounter, Parser } from "yaml";
import { openFile } from "../transfer/open-file.ts";

/** A document, and where in the file its parts are. */
export interface SourceDocument {
  readonly value: unknown;
  /** `file:line` of the part that the path leads to, or of the nearest above it. */
  at(path: readonly PropertyKey[]): string;
}

/** @throws `invalid` with file and line; `not_found`. */
export async function readDocuments(
  path: string,
  stdin: AsyncIterable<Uint8Array>,
): Promise<readonly SourceDocument[]> {
  const name = path === "-" ? "standard input" : path;
  return parseDocuments(await readText(path, name, stdin), name);
}

async function readText(path: string, name: string, stdin: AsyncIterable<Uint8Array>): Promise<string> {
  if (path === "-") return collect(stdin, name);
  await using file = await openFile(path, "YAML or JSON that declares resources");
  return await collect(file.bytes, name);
}

async function collect(source: AsyncIterable<Uint8Array>, name: string): Promise<string> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of source) {
    sizeBytes += part.length;
    if (sizeBytes > LIMITS.cli.maxDeclarationBytes) {
      throw new SkerryError("invalid/too-large", `${name} has more than ${LIMITS.cli.maxDeclarationBytes} bytes.`, {
        hint: "Split it into several files.",
      });
    }
    parts.push(part);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts));
  } catch {
    throw new SkerryError("invalid", `${name} is not UTF-8.`);
  }
}

function parseDocuments(text: string, name: string): readonly SourceDocument[] {
  const lines = new LineCounter();
  const fail = (offset: number, why: string) =>
    new SkerryError("invalid", `${name}:${lines.linePos(offset).line}: ${why}.`);
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  for (const token of tokens) assertHarmless(token, fail);
  const documents: SourceDocument[] = [];
  for (const document of new Composer({ merge: false, version: "1.2" }).compose(tokens, true, text.length)) {
    const [problem] = document.errors;
    if (problem !== undefined) throw fail(problem.pos[0], firstLine(problem.message));
    documents.push(...split(document, (offset) => `${name}:${lines.linePos(offset).line}`));
  }
  return documents;
}

/** A list at the top is as many documents: what `ls -o json` shows can be applied. An empty document is none. */
function split(document: Document.Parsed, place: (offset: number) => string): SourceDocument[] {
  const value: unknown = document.toJS({ maxAliasCount: 0 });
  if (value === null) return [];
  const at = (path: readonly PropertyKey[]): string => {
    for (let length = path.length; length >= 0; length--) {
      const node = document.getIn(path.slice(0, length), true) as { range?: readonly number[] } | undefined;
      if (node?.range?.[0] !== undefined) return place(node.range[0]);
    }
    return place(document.range[0]);
  };
  if (!Array.isArray(value)) return [{ value, at }];
  return value.map((item: unknown, index) => ({ value: item, at: (path) => at([index, ...path]) }));
}

/** Without recursion: the depth is what is being bounded. */
function assertHarmless(root: CST.Token, fail: (offset: number, why: string) => SkerryError): void {
  const waiting: { token: CST.Token; depth: number }[] = [{ token: root, depth: 0 }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { token, depth } = next;
    if (token.type === "alias") throw fail(token.offset, "aliases (*name) are not taken here");
    if (depth > LIMITS.http.maxJsonDepth)
      throw fail(token.offset, `it is nested deeper than ${LIMITS.http.maxJsonDepth} levels`);
    if (token.type === "document") {
      if (token.value !== undefined) waiting.push({ token: token.value, depth });
    } else if ("items" in token) {
      if (token.items.length > LIMITS.cli.maxDeclarationMembers) {
        throw fail(token.offset, `a list or map has more than ${LIMITS.cli.maxDeclarationMembers} members`);
      }
      for (const { key, value } of token.items) {
        if (key !== undefined && key !== null) waiting.push({ token: key, depth: depth + 1 });
        if (value !== undefined) waiting.push({ token: value, depth: depth + 1 });
      }
    }
  }
}

function firstLine(message: string): string {
  return (message.split("\n")[0] ?? "").replace(/ at line \d+, column \d+:?$/, "").replace(/[.:]$/, "");
}
