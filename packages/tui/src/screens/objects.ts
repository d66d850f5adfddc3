import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import { type ListingRow, objectPresentation } from "@skerry/core/contract/present/object.ts";
import { callOf, defineScreen, pagesOf, removeKey, type Screen } from "./screen.ts";

const DELIMITER = "/";
/** A page of this many comes fast, and fills any terminal. */
const PAGE_ENTRIES = 500;

/** The objects and folders of a bucket below a prefix. */
export function objectsScreen(bucket: string, prefix = ""): Screen {
  const query = { delimiter: DELIMITER, limit: PAGE_ENTRIES, ...(prefix === "" ? {} : { prefix }) };
  return defineScreen<ListingRow>({
    id: "object",
    title: `${bucket}:${prefix}`,
    presentation: objectPresentation,
    source: pagesOf(
      objectRoutes.list,
      { params: { bucket }, query },
      ({ items, prefixes }) => [...prefixes.map((common) => ({ bucket, prefix: common })), ...items],
      keyOf,
    ),
    idOf: (row) => ("prefix" in row ? `folder ${row.prefix}` : `object ${row.key}`),
    toneOf: (row) => ("prefix" in row ? "accent" : "plain"),
    enter: (row) =>
      "prefix" in row ? { kind: "open", screen: objectsScreen(bucket, row.prefix) } : { kind: "detail" },
    enterDoes: "open",
    empty: prefix === "" ? `Nothing in it. skerry cp FILE ${bucket}: puts something there.` : "Nothing below it.",
    keys: [deleteKey(bucket)],
  });
}

function keyOf(row: ListingRow): string {
  return "prefix" in row ? row.prefix : row.key;
}

function deleteKey(bucket: string) {
  const key = removeKey<Exclude<ListingRow, { prefix: string }>>("object", keyOf, (row) =>
    callOf(objectRoutes.delete, { params: { bucket, key: row.key } }),
  );
  return {
    ...key,
    intent: (row: ListingRow | undefined) => (row === undefined || "prefix" in row ? undefined : key.intent(row)),
  };
}
