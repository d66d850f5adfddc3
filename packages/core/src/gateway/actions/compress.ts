/** Which answers are compressed for which clients, and how their heads say so (RFC 9110 8.4, 8.8.3, 12.5.3). */
import { COMPRESSED_TYPES, type Compress, ENCODINGS, type Encoding } from "../../domain/compress-rules.ts";
import { withoutNames } from "../http1/field-lines.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { ResponseHead } from "../http1/response-head.ts";
import { UNTIL_CLOSE } from "../http1/response-head.ts";
import { headerValue } from "../routing/asked.ts";
import { chooseEncoding } from "./accept-encoding.ts";
import { withVary } from "./vary.ts";

/** They tell of the bytes as they were; parts of what is compressed cannot be asked for. */
const STALE: ReadonlySet<string> = new Set([
  ...["accept-ranges", "content-md5", "content-digest", "digest", "repr-digest", "etag", "content-encoding"],
]);
const USUAL_MIN_BYTES = 1024;

export interface Choice {
  readonly head: ResponseHead;
  /** Absent: it goes as it is. */
  readonly encoding?: Encoding;
}

export class CompressRule {
  readonly level: number | undefined;
  readonly #isType: (type: string) => boolean;
  readonly #minBytes: number;
  readonly #algorithms: readonly Encoding[];

  constructor({ types = COMPRESSED_TYPES, minBytes = USUAL_MIN_BYTES, algorithms = ENCODINGS, level }: Compress) {
    this.level = level;
    this.#minBytes = minBytes;
    this.#algorithms = algorithms;
    const exact = new Set(types.filter((type) => !type.includes("*")));
    const parts = types.filter((type) => type.includes("*")).map((type) => type.split("*") as [string, string]);
    this.#isType = (type) =>
      exact.has(type) || parts.some(([before, after]) => type.startsWith(before) && type.endsWith(after));
  }

  /** `isFree`: one more may be compressed now. The head tells of what is sent. */
  choose(head: ResponseHead, asked: RequestHead, isFree: boolean): Choice {
    if (!this.#mayBe(head)) return { head };
    const varied = { ...head, lines: withVary(head.lines, ["Accept-Encoding"]) };
    const encoding = isFree ? chooseEncoding(headerValue(asked.lines, "accept-encoding"), this.#algorithms) : undefined;
    if (encoding === undefined || asked.isHttp10) return { head: varied };
    return { encoding, head: compressed(varied, encoding, asked.method === "HEAD") };
  }

  /** Whether an answer like this one is compressed for who takes it so. */
  #mayBe({ status, lines, contentLength }: ResponseHead): boolean {
    if (status < 200 || status === 204 || status === 205 || status === 206 || status === 304) return false;
    if (contentLength !== undefined && contentLength < Math.max(this.#minBytes, 1)) return false;
    const type = (headerValue(lines, "content-type") ?? "").split(";", 1)[0] as string;
    const name = type.trim().toLowerCase();
    // Events are to come at once, one by one.
    if (name === "text/event-stream" || !this.#isType(name)) return false;
    const encoding = headerValue(lines, "content-encoding");
    if (encoding !== undefined && encoding.toLowerCase() !== "identity") return false;
    if (headerValue(lines, "content-range") !== undefined) return false;
    return !/(?:^|,)\s*no-transform\s*(?:,|$)/i.test(headerValue(lines, "cache-control") ?? "");
  }
}

function compressed(head: ResponseHead, encoding: Encoding, isHead: boolean): ResponseHead {
  const etag = headerValue(head.lines, "etag");
  const weak = etag === undefined ? "" : `ETag: ${etag.startsWith("W/") ? "" : "W/"}${etag}\r\n`;
  const lines = `${withoutNames(head.lines, STALE)}${weak}Content-Encoding: ${encoding}\r\n`;
  return { ...head, lines, contentLength: undefined, bodyBytes: isHead ? 0 : UNTIL_CLOSE };
}
