/**
 * One declaration of each route: method, path, permission in `api/`, and beside it the schemas in `schema/`. The
 * dispatcher, the typed client, OpenAPI, the plain CLI verbs and the permission matrix are made from it.
 */
import type { z } from "zod";
import { SkerryError } from "../domain/errors.ts";

/** `{name}` takes one segment, `{key*}` at the end takes the rest (as it is, with its slashes, decoded once). */
export type PathTemplate = `/${string}`;

/**
 * What crosses besides JSON:
 * json      JSON in, JSON out
 * list      a page out; `?watch=1` streams events when `watch` is true
 * upload    the request's body is bytes
 * download  the answer's body is bytes
 * terminal  a WebSocket that speaks `terminal.ts`
 */
export type RouteKind = "json" | "list" | "upload" | "download" | "terminal";

/**
 * `<root>.<resource>:<action>`; the handler names the target and the dispatcher refuses an answer for which nothing was
 * asked. `anyone`: no credential needed. `self`: a credential, and only what belongs to its user.
 */
export type RoutePermission = `${string}.${string}:${string}` | "anyone" | "self";

/** What goes in and out. Nobody but the server checks it, so the client knows only its types. */
export interface RouteSchemas {
  readonly params: z.ZodType;
  readonly query: z.ZodType;
  readonly body?: z.ZodType;
  readonly output?: z.ZodType;
}

/** What a client knows of a route at run time. */
export interface RouteHead {
  /** `<resource>.<verb>`: also the name in logs, audit and the permission matrix. */
  readonly id: string;
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  readonly path: PathTemplate;
  readonly permission: RoutePermission;
  readonly summary: string;
  readonly kind: RouteKind;
  /** Its JSON body may have `LIMITS.http.maxListJsonBytes`. */
  readonly takesList?: true;
  /** For lists: whether `?watch=1` works. */
  readonly watch?: boolean;
  /** Status of success. */
  readonly status: 101 | 200 | 201 | 204;
}

export interface Route<S extends RouteSchemas = RouteSchemas> extends RouteHead {
  /** Only in `ROUTES`: a client that loaded the schemas of what it calls would start in twice the time. */
  readonly schemas?: S;
}

/** As in `ROUTES`. */
export type ServedRoute<S extends RouteSchemas = RouteSchemas> = Route<S> & { readonly schemas: S };

export type Schemas<R extends Route> = NonNullable<R["schemas"]>;
export type RouteParams<R extends Route> = z.input<Schemas<R>["params"]>;
export type RouteQuery<R extends Route> = z.input<Schemas<R>["query"]>;
/** `undefined` for a route without a body or output. */
export type RouteBody<R extends Route> = "body" extends keyof Schemas<R>
  ? z.input<NonNullable<Schemas<R>["body"]>>
  : undefined;
export type RouteOutput<R extends Route> = "output" extends keyof Schemas<R>
  ? z.output<NonNullable<Schemas<R>["output"]>>
  : undefined;

/** The routes of a resource, each with the types of its schemas, which are declared under the same word in `schema/`. */
export function defineRoutes<S extends Readonly<Record<string, RouteSchemas>>>(
  routes: { readonly [Verb in keyof S]: RouteHead },
): { readonly [Verb in keyof S]: Route<S[Verb]> } {
  return routes;
}

/** True when the route changes something, or may: it is audited. */
export function isMutation(route: Route): boolean {
  return route.kind === "terminal" || (route.method !== "GET" && route.method !== "HEAD");
}

export type PathSegment =
  | { readonly literal: string }
  | { readonly param: string }
  /** The last one only. */
  | { readonly rest: string };

export function pathSegments(path: PathTemplate): readonly PathSegment[] {
  return path
    .slice(1)
    .split("/")
    .map((segment) => {
      if (!segment.startsWith("{")) return { literal: segment };
      const name = segment.slice(1, -1);
      return name.endsWith("*") ? { rest: name.slice(0, -1) } : { param: name };
    });
}

/** The path with its parameters filled in and encoded. The rest parameter keeps its slashes. */
export function formatPath(path: PathTemplate, params: Readonly<Record<string, unknown>>): string {
  let text = "";
  for (const segment of pathSegments(path)) {
    if ("literal" in segment) text += `/${segment.literal}`;
    else if ("param" in segment) text += `/${encodeURIComponent(String(params[segment.param]))}`;
    else text += `/${encodeKey(String(params[segment.rest]))}`;
  }
  return text;
}

/** Dots are encoded when a segment is only dots: clients and proxies would resolve `..`. */
function encodeKey(key: string): string {
  return key
    .split("/")
    .map((part) => (/^\.+$/.test(part) ? part.replaceAll(".", "%2E") : encodeURIComponent(part)))
    .join("/");
}

/** @throws `invalid` for a broken percent sequence or one that is not UTF-8. */
export function decodePercent(text: string, where: "path" | "query" = "path"): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new SkerryError("invalid", `The ${where} is not valid: a % must begin an encoded UTF-8 byte.`);
  }
}
