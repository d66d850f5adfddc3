/**
 * Fields of a log line as plain, bounded JSON values: secrets taken out, errors told with their causes, cycles and depth
 * cut. Never throws, whatever is given.
 */
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { isSecretName, REDACTED, withoutSecrets } from "./escape.ts";

/** Written by the logger itself; a field of this name gets a line below it. */
const RESERVED = new Set(["level", "time", "msg"]);

type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain };

/** Counts the values of one line. */
interface Budget {
  left: number;
}

export function plainFields(fields: Readonly<Record<string, unknown>>): Record<string, Plain> {
  const budget: Budget = { left: LIMITS.log.maxValues };
  const plain = safely(() => plainObject(fields, 0, budget));
  if (typeof plain !== "object") return { fields: "[unreadable]" };
  const out: Record<string, Plain> = {};
  for (const [key, value] of Object.entries(plain)) out[RESERVED.has(key) ? `${key}_` : key] = value;
  return out;
}

export function cutString(text: string): string {
  if (text.length <= LIMITS.log.maxStringLength) return withoutSecrets(text);
  // Cut first: an enormous string is not searched. A secret that the cut goes through is still found by its beginning.
  return `${withoutSecrets(text.slice(0, LIMITS.log.maxStringLength))}... (${text.length} characters)`;
}

function plainValue(value: unknown, depth: number, budget: Budget): Plain | undefined {
  switch (typeof value) {
    case "string":
      return cutString(value);
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "boolean":
      return value;
    case "bigint":
      return value.toString();
    case "object":
      return value === null ? null : safely(() => plainThing(value, depth, budget));
    default:
      return undefined;
  }
}

function safely<T>(read: () => T): T | "[unreadable]" {
  try {
    return read();
  } catch {
    return "[unreadable]";
  }
}

function plainThing(value: object, depth: number, budget: Budget): Plain | undefined {
  if (value instanceof Error) return plainError(value, depth, budget);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "invalid date" : value.toISOString();
  if (value instanceof URL) return cutString(value.href);
  // Bytes are content of users or keys: only their number is told.
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (depth >= LIMITS.log.maxDepth) return Array.isArray(value) ? "[list]" : "[object]";
  if (value instanceof Map) return plainObject(Object.fromEntries(first(value)), depth + 1, budget);
  if (Array.isArray(value) || value instanceof Set)
    return plainList([...first(value)], sizeOf(value), depth + 1, budget);
  return plainObject(value as Record<string, unknown>, depth + 1, budget);
}

function sizeOf(value: readonly unknown[] | ReadonlySet<unknown>): number {
  return Array.isArray(value) ? value.length : (value as ReadonlySet<unknown>).size;
}

function* first<T>(values: Iterable<T>): Iterable<T> {
  let count = 0;
  for (const value of values) {
    if (count++ === LIMITS.log.maxEntries) return;
    yield value;
  }
}

function plainList(items: readonly unknown[], size: number, depth: number, budget: Budget): Plain[] {
  const out: Plain[] = [];
  for (const item of items) {
    if (budget.left-- <= 0) break;
    out.push(plainValue(item, depth, budget) ?? null);
  }
  if (size > out.length) out.push(`... ${size - out.length} more`);
  return out;
}

function plainObject(
  value: Readonly<Record<string, unknown>>,
  depth: number,
  budget: Budget,
): { [key: string]: Plain } {
  const out: { [key: string]: Plain } = {};
  const keys = Object.keys(value);
  for (const key of keys.slice(0, LIMITS.log.maxEntries)) {
    if (budget.left-- <= 0) break;
    const name = cutString(key.slice(0, 256));
    const plain = safely(() => {
      const held = value[key];
      // `tokens: 3` is a count.
      const secret = isSecretName(key) && !(typeof held === "number" && key.endsWith("s"));
      return secret ? REDACTED : plainValue(held, depth, budget);
    });
    // defineProperty: `__proto__` as a key is data.
    if (plain !== undefined) Object.defineProperty(out, name, { value: plain, enumerable: true, configurable: true });
  }
  if (keys.length > LIMITS.log.maxEntries) out["..."] = `${keys.length - LIMITS.log.maxEntries} more`;
  return out;
}

/** Name, message, stack, causes, and the own fields that errors of ours and of Node carry (code, reason, syscall ...). */
function plainError(error: Error, depth: number, budget: Budget): Plain {
  const out = depth >= LIMITS.log.maxDepth ? {} : plainObject({ ...error }, depth + 1, budget);
  delete out["name"];
  const { name, message, stack, cause } = error;
  const parts: { [key: string]: Plain } = {
    name: cutString(String(name)),
    message: cutString(String(message)),
    ...out,
  };
  if (typeof stack === "string") parts["stack"] = cutString(stack);
  const because =
    depth >= LIMITS.log.maxDepth || cause === undefined ? undefined : plainValue(cause, depth + 1, budget);
  if (because !== undefined) parts["cause"] = because;
  if (depth < LIMITS.log.maxDepth && error instanceof AggregateError) {
    parts["errors"] = plainList(error.errors.slice(0, LIMITS.log.maxEntries), error.errors.length, depth + 1, budget);
  }
  return parts;
}
