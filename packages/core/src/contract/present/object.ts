import type { ObjectView } from "../api/object.ts";
import type { Presentation } from "./presentation.ts";
import { formatBytes, formatTime } from "./values.ts";

/** A row of a listing: an object, or what several keys have in common up to the delimiter. */
export type ListingRow = { readonly bucket: string; readonly prefix: string } | ObjectView;

export const objectPresentation: Presentation<ListingRow> = {
  kind: "object",
  nameOf: (row) => `${row.bucket}:${keyOf(row)}`,
  columns: [
    { title: "KEY", cell: keyOf },
    {
      title: "SIZE",
      cell: (row) => ("prefix" in row ? "-" : formatBytes(row.sizeBytes)),
      align: "right",
      order: (row) => ("prefix" in row ? -1 : row.sizeBytes),
    },
    {
      title: "MODIFIED",
      cell: (row) => ("prefix" in row ? "-" : formatTime(row.modifiedAt)),
      whole: true,
      order: (row) => ("prefix" in row ? "" : row.modifiedAt),
    },
  ],
};

/** With `-l`. */
export const longObjectPresentation: Presentation<ListingRow> = {
  ...objectPresentation,
  columns: [
    { title: "KEY", cell: keyOf },
    {
      title: "BYTES",
      cell: (row) => ("prefix" in row ? "-" : `${row.sizeBytes}`),
      align: "right",
      order: (row) => ("prefix" in row ? -1 : row.sizeBytes),
    },
    { title: "MODIFIED", cell: (row) => ("prefix" in row ? "-" : row.modifiedAt) },
    { title: "ETAG", cell: (row) => ("prefix" in row ? "-" : row.etag) },
    { title: "TYPE", cell: (row) => ("prefix" in row ? "-" : row.contentType) },
  ],
};

function keyOf(row: ListingRow): string {
  return "prefix" in row ? row.prefix : row.key;
}
