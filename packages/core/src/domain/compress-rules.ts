/** Which answers of a route are compressed. Plain rules; `gateway/actions/compress.ts` carries them out. */
import { SkerryError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

export const ENCODINGS = ["zstd", "br", "gzip"] as const;
export type Encoding = (typeof ENCODINGS)[number];

export interface Compress {
  /** `text/html`, `text/*`, `application/*+json`. Absent: `COMPRESSED_TYPES`. */
  readonly types?: readonly string[];
  /** Answers that say that they are shorter are left alone. Absent: 1024. */
  readonly minBytes?: number;
  /** What a client that takes several as gladly gets: the first. Absent: all. */
  readonly algorithms?: readonly Encoding[];
  /** 1 (fast) to 9 (small). Absent: what each algorithm is good at. */
  readonly level?: number;
}

/** What is text, or as good as: pictures, films and archives are compressed already. */
export const COMPRESSED_TYPES = [
  ...["text/*", "application/json", "application/*+json", "application/javascript", "application/xml"],
  ...["application/*+xml", "application/wasm", "application/graphql", "application/x-ndjson", "image/svg+xml"],
  ...["image/bmp", "font/ttf", "font/otf"],
] as const;

const TYPE = /^[a-z0-9!#$&^_.+-]+\/(?:\*|(?:\*\+)?[a-z0-9!#$&^_.+-]+)$/;

/** In one spelling. @throws `invalid`. */
export function canonicalCompress({ types, minBytes, algorithms, level }: Compress): Compress {
  const refuse = (field: string, message: string, hint: string) =>
    new SkerryError("invalid", message, { hint, details: { field: `compress.${field}` } });
  const { maxCompressTypes, maxCompressMinBytes } = LIMITS.actions;
  const lower = types?.map((type) => type.trim().toLowerCase());
  const bad = lower?.find((type) => !TYPE.test(type) || type.length > 128);
  if (bad !== undefined) throw refuse("types", `${JSON.stringify(bad)} is no type.`, "Like text/html or text/*.");
  if (lower !== undefined && (lower.length === 0 || lower.length > maxCompressTypes)) {
    throw refuse("types", `There are 1 to ${maxCompressTypes} types.`, "Leave it out for what is text.");
  }
  if (minBytes !== undefined && !(Number.isInteger(minBytes) && minBytes >= 0 && minBytes <= maxCompressMinBytes)) {
    throw refuse("minBytes", `The least is 0 to ${maxCompressMinBytes} bytes.`, "Like 1024.");
  }
  if (algorithms !== undefined && (algorithms.length === 0 || new Set(algorithms).size < algorithms.length)) {
    throw refuse("algorithms", "Each algorithm is named once, and one at least.", `There are ${ENCODINGS.join(", ")}.`);
  }
  if (level !== undefined && !(Number.isInteger(level) && level >= 1 && level <= 9)) {
    throw refuse("level", `${level} is no level.`, "1 is fast, 9 is small.");
  }
  return {
    ...(lower === undefined ? {} : { types: lower }),
    ...(minBytes === undefined ? {} : { minBytes }),
    ...(algorithms === undefined ? {} : { algorithms }),
    ...(level === undefined ? {} : { level }),
  };
}
