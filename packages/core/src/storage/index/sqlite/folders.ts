/**
 * The common prefixes that follow one another in a listing, found by one statement: a loose index scan whose seeks stay
 * inside SQLite. A call into SQLite for each prefix, with two whole rows to look at, costs twice as much.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { crc32c } from "@node-rs/crc32";
import { afterPrefix, commonPrefixOf } from "../keys.ts";
import type { Lookups } from "./lookups.ts";
import { damaged, OBJECT_SEALED_TEXT, placeOf, type Row } from "./rows.ts";
import { prepare } from "./schema.ts";

/** A row as its checksum in decimal, a bar, and the text that the checksum was made of but for the bucket. */
const SEALED = `concat(crc, '|', CAST(substr(o.place, 5) AS TEXT), ${OBJECT_SEALED_TEXT})`;

/**
 * The first place of each common prefix. A step leads from one that is under a common prefix to the first after all that
 * are; :raised is the delimiter with its last byte raised. So all but the last are under a common prefix, and the last is dropped.
 */
const FOLDERS = `
  WITH RECURSIVE folder (place) AS (
    SELECT (SELECT place FROM objects WHERE place >= :from ORDER BY place LIMIT 1)
    UNION ALL
    SELECT (SELECT o.place FROM objects o WHERE o.place >=
        CAST(substr(folder.place, 1, :head + instr(substr(folder.place, :head + 1), :delimiter) - 1) || :raised AS BLOB)
        ORDER BY o.place LIMIT 1)
      FROM folder WHERE folder.place < :end AND instr(substr(folder.place, :head + 1), :delimiter) > 0
    LIMIT :limit)
  SELECT
    (SELECT ${SEALED} FROM objects o WHERE o.place >= folder.place ORDER BY o.place, version DESC LIMIT 1),
    (SELECT ${SEALED} FROM objects o WHERE o.place < folder.place ORDER BY o.place DESC, version LIMIT 1)
    FROM folder`;

export interface FolderScan {
  /** Number of the bucket. */
  readonly bucket: number;
  readonly prefix: string;
  /** Not empty. */
  readonly delimiter: string;
  /** A common prefix of this listing. */
  readonly after: string;
  readonly limit: number;
}

export class Folders {
  readonly #lookups: Lookups;
  readonly #folders: StatementSync;

  constructor(db: DatabaseSync, lookups: Lookups) {
    this.#lookups = lookups;
    this.#folders = prepare(db, FOLDERS);
  }

  /**
   * The common prefixes that come next, up to a key that is listed itself, the end of the listing or the limit. A seek is
   * believed when the rows on both sides of it are sound.
   * @throws `internal/corrupt`.
   */
  following({ bucket, prefix, delimiter, after, limit }: FolderScan): string[] {
    const rows = this.#folders.all({
      from: placeOf(bucket, afterPrefix(after)),
      end: prefix === "" ? placeOf(bucket + 1, Buffer.alloc(0)) : placeOf(bucket, afterPrefix(prefix)),
      head: placeOf(bucket, Buffer.from(prefix)).length,
      delimiter: Buffer.from(delimiter),
      raised: afterPrefix(delimiter),
      limit: limit + 1,
    }) as unknown as Row[];
    const seed = crc32c(placeOf(bucket, Buffer.alloc(0)));
    const found: string[] = [];
    let bound = afterPrefix(after);
    for (const [first, before] of rows.slice(0, -1)) {
      const place = (): Buffer => placeOf(bucket, bound);
      if (!isSound(before, seed)) this.#lookups.verifyBefore(place());
      const key = isSound(first, seed) ? keyAndMore(first) : this.#lookups.objectFrom(place())?.key;
      const common = key?.startsWith(prefix) ? commonPrefixOf(key, prefix, delimiter) : undefined;
      if (common === undefined || Buffer.compare(Buffer.from(common), bound) < 0)
        throw damaged("its objects are out of order");
      found.push(common);
      bound = afterPrefix(common);
    }
    return found;
  }
}

/**
 * Whether the row matches its checksum. False also for sound rows whose text SQLite counts or ends otherwise than
 * JavaScript (a zero byte, letters beyond U+FFFF): they must be looked at column by column.
 */
function isSound(sealed: unknown, seed: number): sealed is string {
  if (typeof sealed !== "string") return false;
  const bar = sealed.indexOf("|");
  return crc32c(sealed.slice(bar + 1), seed) === Number(sealed.slice(0, bar));
}

/** The key is where the sealed text begins, and the delimiter is known to be in it. */
function keyAndMore(sealed: string): string {
  return sealed.slice(sealed.indexOf("|") + 1);
}
