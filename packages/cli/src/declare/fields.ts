/** Which fields a schema has at a place: for suggestions, when one is not known. */

/** As much of a schema of zod as is asked here. */
interface SchemaPart {
  readonly shape?: Readonly<Record<string, SchemaPart>>;
  readonly element?: SchemaPart;
  readonly unwrap?: () => SchemaPart;
}

/** None where the place has no fields of its own. */
export function fieldsAt(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  let part = plain(schema as SchemaPart | undefined);
  for (const key of path) part = plain(typeof key === "number" ? part?.element : part?.shape?.[String(key)]);
  return Object.keys(part?.shape ?? {});
}

/** Past `optional` and the like. */
function plain(part: SchemaPart | undefined): SchemaPart | undefined {
  let inner = part;
  while (inner !== undefined && inner.shape === undefined && inner.element === undefined && inner.unwrap) {
    inner = inner.unwrap();
  }
  return inner;
}
