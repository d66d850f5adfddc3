/** Values of the store: copied and frozen on the way in, so that nobody can change what is stored. */
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Json } from "../domain/store.ts";

/** A document may be this deep; a store's value wraps documents, hence twice. */
const MAX_DEPTH = 2 * LIMITS.http.maxJsonDepth;

/**
 * A frozen deep copy. Properties that are `undefined` are left out, as JSON does.
 * @throws `invalid` when it is not JSON (NaN, functions, class instances ...) or too deep.
 */
export function copyJson(value: unknown, path: string, depth = 0): Json {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value === 0 ? 0 : value;
  if (depth >= MAX_DEPTH) throw notJson(path, `is nested more than ${MAX_DEPTH} levels deep`);
  if (Array.isArray(value)) {
    return Object.freeze(Array.from(value, (item: unknown, i) => copyJson(item, `${path}[${i}]`, depth + 1)));
  }
  if (typeof value !== "object" || !isPlain(value)) throw notJson(path, "is not a JSON value");
  const copy: Record<string, Json> = {};
  for (const [name, item] of Object.entries(value)) {
    if (item === undefined) continue;
    const copied = copyJson(item, `${path}.${name}`, depth + 1);
    // An own property of this name, not the object's prototype.
    if (name === "__proto__") Object.defineProperty(copy, name, { value: copied, enumerable: true });
    else copy[name] = copied;
  }
  return Object.freeze(copy);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

function notJson(path: string, what: string): SkerryError {
  return new SkerryError("invalid", `The value cannot be stored: ${path} ${what}.`, {
    hint: "Store plain objects, arrays, strings, finite numbers, booleans and null.",
    details: { field: path },
  });
}

/** Freezes what was just parsed and belongs to nobody else. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const item of Object.values(value)) deepFreeze(item);
    Object.freeze(value);
  }
  return value;
}

/** Whether two JSON values are the same; the order of properties does not count. */
export function sameJson(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  const left = a as { readonly [name: string]: Json };
  const right = b as { readonly [name: string]: Json };
  return names.every((name) => Object.hasOwn(right, name) && sameJson(left[name] as Json, right[name] as Json));
}
