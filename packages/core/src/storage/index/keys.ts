/** The order of keys (UTF-8 bytes) and what prefix, delimiter and `after` of a listing mean, for both drivers. */
import type { ListObjectsOptions } from "../../domain/objects.ts";

/** The common prefix under which a key that begins with `prefix` falls; undefined when it is listed itself. */
export function commonPrefixOf(key: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === "") return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + delimiter.length);
}

/** The first key in byte order that does not begin with `prefix` and comes after those that do. `prefix` is not empty. */
export function afterPrefix(prefix: string): Buffer {
  // No byte of UTF-8 is 0xff, so the last one can always be raised; the result need not be UTF-8.
  const bytes = Buffer.from(prefix);
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) + 1;
  return bytes;
}

/** Where a listing starts: the smallest key (inclusive) that it may show. */
export function firstKey(options: ListObjectsOptions): Buffer {
  const { prefix = "", delimiter = "", after } = options;
  const start = Buffer.from(prefix);
  if (after === undefined) return start;
  const shownAsPrefix = after.startsWith(prefix) && commonPrefixOf(after, prefix, delimiter) === after;
  // The next key after K in byte order is K followed by a zero byte.
  const next = shownAsPrefix ? afterPrefix(after) : Buffer.concat([Buffer.from(after), Buffer.from([0])]);
  return Buffer.compare(next, start) > 0 ? next : start;
}
