/** Turns what came from outside into checked values, or into `invalid` with the place of the mistake. */
import type { z } from "zod";
import { SkerryError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import { decodePercent } from "../route.ts";

/** @throws `invalid`: a name twice, a broken percent sequence, or one that is not UTF-8. */
export function parseQuery(text: string): Record<string, string> {
  // The parser of URLs would take what is broken as it stands, or replace it.
  decodePercent(text, "query");
  const query: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of new URLSearchParams(text)) {
    if (Object.hasOwn(query, name)) {
      throw new SkerryError("invalid", `The query has ${JSON.stringify(name)} more than once.`);
    }
    query[name] = value;
  }
  return query;
}

/** The whole body. @throws `invalid/too-large`. */
export async function readBody(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of body) {
    sizeBytes += part.length;
    if (sizeBytes > maxBytes) {
      throw new SkerryError(
        "invalid/too-large",
        `The body is larger than ${maxBytes} bytes, the most that is taken here.`,
      );
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/**
 * @throws `invalid`: not UTF-8, not JSON, or nested deeper than the limit; `invalid/too-large`: more members than the limit.
 * Both limits are looked at before anything is parsed: the schemas take their time for each member.
 */
export function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SkerryError("invalid", "The body is not UTF-8.");
  }
  assertShape(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SkerryError("invalid", `The body is not JSON: ${(error as Error).message}.`);
  }
  assertPlain(value);
  return value;
}

function assertShape(text: string): void {
  const maxDepth = LIMITS.http.maxJsonDepth;
  const maxMembers = LIMITS.http.maxJsonMembers;
  let depth = 0;
  let members = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (inString) {
      if (char === 92) i++;
      else if (char === 34) inString = false;
    } else if (char === 34) inString = true;
    else if (char === 44) members++;
    else if (char === 123 || char === 91) {
      members++;
      if (++depth > maxDepth) throw new SkerryError("invalid", `The JSON is nested deeper than ${maxDepth} levels.`);
    } else if (char === 125 || char === 93) depth--;
  }
  if (members > maxMembers) {
    throw new SkerryError("invalid/too-large", `The JSON has more than ${maxMembers} members.`);
  }
}

/** A member of that name is data here, and would be a prototype wherever it is copied. @throws `invalid`. */
function assertPlain(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  if (Object.hasOwn(value, "__proto__"))
    throw new SkerryError("invalid", "The JSON has a member named __proto__, which is not taken.");
  for (const member of Object.values(value)) assertPlain(member);
}

/** Of a rule that quotes what was sent, e.g. unknown members: so much is told. */
const MAX_RULE_LENGTH = 256;

/** @throws `invalid` that names each field and its rule. `where`: path, query, body. */
export function validate<T extends z.ZodType>(schema: T, value: unknown, where: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.slice(0, 8).map((issue) => {
    const field = [where, ...issue.path.map(String)].join(".");
    return { field: cut(field), rule: cut(issue.message) };
  });
  const first = problems.map(({ field, rule }) => `${field}: ${rule}`).join("; ");
  throw new SkerryError("invalid", `The request is not valid. ${first}.`, { details: { problems } });
}

function cut(text: string): string {
  return text.length <= MAX_RULE_LENGTH ? text : `${text.slice(0, MAX_RULE_LENGTH)}...`;
}
