/** Places that people name: `B:KEY` in a bucket, anything else here, `-` for standard input or output. */
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";

export interface ObjectAddress {
  readonly bucket: string;
  /** Or the beginning of one. May be empty. */
  readonly key: string;
}
export type Place =
  | ({ readonly at: "bucket" } & ObjectAddress)
  | { readonly at: "here"; readonly path: string }
  | { readonly at: "stdio" };

const REMOTE = /^([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?):(.*)$/s;

/** A local file whose name looks like an address is named `./a:b`. */
export function parsePlace(text: string): Place {
  if (text === "-") return { at: "stdio" };
  const match = REMOTE.exec(text);
  if (match === null) return { at: "here", path: text };
  return { at: "bucket", bucket: match[1] ?? "", key: match[2] ?? "" };
}

/** @throws `invalid` for anything but `B:` and `B:KEY`. */
export function parseObjectAddress(text: string): ObjectAddress {
  const place = parsePlace(text);
  if (place.at === "bucket") return { bucket: place.bucket, key: place.key };
  const looksLikeBucket = /^[a-z0-9-]+$/.test(text);
  throw new SkerryError("invalid", `${JSON.stringify(text)} is not a place in a bucket.`, {
    hint: looksLikeBucket ? `Did you mean ${text}: ?` : "It looks like BUCKET:KEY.",
  });
}

/** The key of exactly one object. @throws `invalid` */
export function assertKey({ bucket, key }: ObjectAddress): void {
  if (key === "") throw new SkerryError("invalid", `${bucket}: names no object; it needs a key behind the colon.`);
  if (Buffer.byteLength(key) > LIMITS.objects.maxKeyBytes) {
    throw new SkerryError("invalid", `A key has at most ${LIMITS.objects.maxKeyBytes} bytes.`);
  }
}

export function formatAddress({ bucket, key }: ObjectAddress): string {
  return `${bucket}:${key}`;
}

/** The key of a folder ends with a slash; the whole bucket is the empty key. */
export function folderPrefix(key: string): string {
  return key === "" || key.endsWith("/") ? key : `${key}/`;
}

/** What stands behind the last slash; a slash at the end does not count. */
export function baseName(key: string): string {
  return key.replace(/\/+$/, "").split("/").at(-1) ?? "";
}
