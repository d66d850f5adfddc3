/** Conditions and ranges of RFC 9110, section 13 and 14, as far as objects need them. */
import { SkerryError } from "@skerry/core/domain/errors.ts";
import type { ObjectCondition, ObjectInfo } from "@skerry/core/domain/objects.ts";

type Header = (name: string) => string | undefined;

/** From If-Match and If-None-Match. @throws `invalid` for a list that is not one of entity tags. */
export function readCondition(header: Header): ObjectCondition | undefined {
  const ifMatch = parseTags(header("if-match"), "If-Match");
  const ifNoneMatch = parseTags(header("if-none-match"), "If-None-Match");
  if (ifMatch === undefined && ifNoneMatch === undefined) return undefined;
  return { ...(ifMatch === undefined ? {} : { ifMatch }), ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }) };
}

function parseTags(text: string | undefined, name: string): readonly string[] | "*" | undefined {
  if (text === undefined) return undefined;
  if (text.trim() === "*") return "*";
  const tags = text.split(",").map((part) => /^\s*(?:W\/)?"([^"]*)"\s*$/.exec(part)?.[1]);
  if (tags.some((tag) => tag === undefined)) {
    throw new SkerryError("invalid", `${name} must be * or a list of entity tags in double quotes.`);
  }
  return tags as string[];
}

/**
 * What a read is answered with: all of it, 304, or 412 as an error. @throws `conflict/precondition`.
 */
export function evaluateRead(info: ObjectInfo, header: Header): "send" | "not-modified" {
  const condition = readCondition(header);
  const holds = (tags: readonly string[] | "*") => tags === "*" || tags.includes(info.etag);
  const modifiedMs = Math.floor(Date.parse(info.modifiedAt) / 1000) * 1000;
  if (condition?.ifMatch !== undefined) {
    if (!holds(condition.ifMatch)) throw changed();
  } else {
    const since = Date.parse(header("if-unmodified-since") ?? "");
    if (!Number.isNaN(since) && modifiedMs > since) throw changed();
  }
  if (condition?.ifNoneMatch !== undefined) return holds(condition.ifNoneMatch) ? "not-modified" : "send";
  const since = Date.parse(header("if-modified-since") ?? "");
  return !Number.isNaN(since) && modifiedMs <= since ? "not-modified" : "send";
}

function changed(): SkerryError {
  return new SkerryError("conflict/precondition", "The object is not the one that the condition names.");
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * One range of bytes. Several ranges, other units and malformed ones are ignored, as the RFC allows: the whole is sent.
 * @throws `invalid/range` when it lies outside the object.
 */
export function readRange(info: ObjectInfo, header: Header): ByteRange | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header("range")?.trim() ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return undefined;
  const ifRange = header("if-range");
  if (ifRange !== undefined && ifRange !== `"${info.etag}"`) return undefined;
  const size = info.sizeBytes;
  const first = match[1] === "" ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const last = match[1] === "" || match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  const empty = match[1] === "" && Number(match[2]) === 0;
  if (match[1] !== "" && match[2] !== "" && Number(match[2]) < Number(match[1])) return undefined;
  if (first >= size || empty) {
    throw new SkerryError("invalid/range", `The range lies outside the object, which has ${size} bytes.`, {
      details: { sizeBytes: size },
    });
  }
  return { offset: first, length: last - first + 1 };
}
