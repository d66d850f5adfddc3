/** Answers that pages of other origins may read (Fetch Standard, 3.3). What the upstream says of it is replaced. */
import type { Cors } from "../../domain/cors-rules.ts";
import type { RequestHead } from "../http1/request-head.ts";
import { headerValue } from "../routing/asked.ts";
import { withVary } from "./vary.ts";

const PREFLIGHT_VARY = ["Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"] as const;

/** An origin in front of the star, and behind it. */
type Wildcard = readonly [before: string, after: string];

export class CorsPolicy {
  readonly #isAny: boolean;
  readonly #exact: ReadonlySet<string>;
  readonly #wildcards: readonly Wildcard[];
  readonly #credentials: string;
  readonly #expose: string;
  readonly #preflight: string;

  constructor(cors: Cors) {
    const { origins, methods = ["GET", "HEAD", "POST"], headers = [], expose = [], credentials, maxAge } = cors;
    this.#isAny = origins.includes("*");
    this.#exact = new Set(origins.filter((origin) => !origin.includes("*")));
    this.#wildcards = origins
      .filter((origin) => origin.includes("://*."))
      .map((origin) => [origin.slice(0, origin.indexOf("*")), origin.slice(origin.indexOf("*") + 1)] as const);
    this.#credentials = credentials === true ? "Access-Control-Allow-Credentials: true\r\n" : "";
    this.#expose = expose.length === 0 ? "" : `Access-Control-Expose-Headers: ${expose.join(", ")}\r\n`;
    this.#preflight =
      `Access-Control-Allow-Methods: ${methods.join(", ")}\r\n` +
      `${headers.length === 0 ? "" : `Access-Control-Allow-Headers: ${headers.join(", ")}\r\n`}` +
      `${maxAge === undefined ? "" : `Access-Control-Max-Age: ${maxAge}\r\n`}`;
  }

  /** The header lines of the answer when a browser asks what it may send; undefined: it does not ask. */
  preflight({ method, lines }: Pick<RequestHead, "method" | "lines">): string | undefined {
    if (method !== "OPTIONS" || headerValue(lines, "access-control-request-method") === undefined) return undefined;
    const origin = headerValue(lines, "origin");
    if (origin === undefined) return undefined;
    const allowed = this.#allowed(origin);
    return withVary(allowed === "" ? "" : allowed + this.#preflight, PREFLIGHT_VARY);
  }

  /** Header lines of an answer, with what this page may. */
  answered(lines: string, { lines: asked }: RequestHead): string {
    const kept = withoutCors(lines);
    const origin = headerValue(asked, "origin");
    const allowed = origin === undefined ? (this.#isAny ? ANY : "") : this.#allowed(origin);
    const said = allowed === "" ? kept : kept + allowed + this.#expose;
    // Also without an origin: a cache must not give this answer to a page.
    return this.#isAny ? said : withVary(said, ["Origin"]);
  }

  #allowed(origin: string): string {
    if (this.#isAny) return ANY;
    if (!this.#exact.has(origin) && !this.#wildcards.some((wildcard) => matches(origin, wildcard))) return "";
    return `Access-Control-Allow-Origin: ${origin}\r\n${this.#credentials}`;
  }
}

const ANY = "Access-Control-Allow-Origin: *\r\n";

/** What stands for the star is a name: one that ends before the port or the path of another. */
function matches(origin: string, [before, after]: Wildcard): boolean {
  if (!origin.startsWith(before) || !origin.endsWith(after)) return false;
  const between = origin.slice(before.length, origin.length - after.length);
  return origin.length > before.length + after.length && /^[a-z0-9.-]+$/.test(between);
}

function withoutCors(lines: string): string {
  if (!/(^|\n)access-control-/i.test(lines)) return lines;
  return lines
    .split("\r\n")
    .filter((line) => line !== "" && !/^access-control-/i.test(line))
    .map((line) => `${line}\r\n`)
    .join("");
}
