/** Turns what came from outside into checked values, or into `invalid` with the place of the mistake. */
import type { z } from "zod";
import { SkerryError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";

/** @throws `invalid`: a name twice, or a broken percent sequence. */
export function parseQuery(text: string): Record<string, string> {
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

/** @throws `invalid`: not UTF-8, not JSON, or nested deeper than the limit (found before the parser recurses). */
export function parseJson(bytes: Uint8Array, maxDepth: number = LIMITS.http.maxJsonDepth): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SkerryError("invalid", "The body is not UTF-8.");
  }
  assertDepth(text, maxDepth);
  try {
    return JSON.parse(text, (key, value: unknown) => {
      if (key === "__proto__") throw new SyntaxError("a member named __proto__");
      return value;
    });
  } catch (error) {
    throw new SkerryError("invalid", `The body is not JSON: ${(error as Error).message}.`);
  }
}

function assertDepth(text: string, maxDepth: number): void {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (inString) {
      if (char === 92) i++;
      else if (char === 34) inString = false;
    } else if (char === 34) inString = true;
    else if (char === 123 || char === 91) {
      if (++depth > maxDepth) throw new SkerryError("invalid", `The JSON is nested deeper than ${maxDepth} levels.`);
    } else if (char === 125 || char === 93) depth--;
  }
}

/** @throws `invalid` that names each field and its rule. `where`: path, query, body. */
export function validate<T extends z.ZodType>(schema: T, value: unknown, where: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.slice(0, 8).map((issue) => {
    const field = [where, ...issue.path.map(String)].join(".");
    return { field, rule: issue.message };
  });
  const first = problems.map(({ field, rule }) => `${field}: ${rule}`).join("; ");
  throw new SkerryError("invalid", `The request is not valid. ${first}.`, { details: { problems } });
}
