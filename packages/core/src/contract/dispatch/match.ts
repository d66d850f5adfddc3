import { SkerryError } from "../../domain/errors.ts";
import { decodePercent, type PathSegment, pathSegments, type ServedRoute } from "../route.ts";

interface CompiledRoute {
  readonly route: ServedRoute;
  readonly segments: readonly PathSegment[];
}

export interface RouteMatch {
  readonly route: ServedRoute;
  readonly params: Readonly<Record<string, string>>;
}

/** Finds the route of a request. A path that exists with other methods is `invalid/method`, none is `not_found/route`. */
export class RouteTable {
  readonly #byFirst = new Map<string, CompiledRoute[]>();

  constructor(routes: readonly ServedRoute[]) {
    for (const route of routes) {
      const segments = pathSegments(route.path);
      const key = firstWords(segments.map((segment) => ("literal" in segment ? segment.literal : "")));
      const list = this.#byFirst.get(key) ?? [];
      list.push({ route, segments });
      this.#byFirst.set(key, list);
    }
  }

  /** `path` without query, still encoded. */
  match(method: string, path: string): RouteMatch {
    const parts = path.slice(1).split("/");
    const candidates = this.#byFirst.get(firstWords(parts)) ?? this.#byFirst.get(parts[0] ?? "") ?? [];
    const otherMethods = new Set<string>();
    for (const { route, segments } of candidates) {
      const params = matchSegments(segments, parts);
      if (params === undefined) continue;
      if (route.method === method) return { route, params };
      otherMethods.add(route.method);
    }
    if (otherMethods.size > 0) {
      const allowed = [...otherMethods].join(", ");
      throw new SkerryError("invalid/method", `${printable(method)} does not work on this path; ${allowed} does.`, {
        details: { allow: allowed },
      });
    }
    throw new SkerryError("not_found/route", "There is nothing at this path.", {
      hint: "GET /openapi.json lists every path.",
    });
  }
}

/** `v1/buckets`: enough to find a handful of candidates. */
function firstWords(parts: readonly string[]): string {
  return parts[0] === "v1" || parts[0] === "healthz" ? `${parts[0]}/${parts[1] ?? ""}` : (parts[0] ?? "");
}

function printable(method: string): string {
  return /^[A-Z]{1,16}$/.test(method) ? method : "This method";
}

function matchSegments(segments: readonly PathSegment[], parts: readonly string[]): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  for (const [i, segment] of segments.entries()) {
    const part = parts[i];
    if (part === undefined) return undefined;
    if ("rest" in segment) {
      params[segment.rest] = parts
        .slice(i)
        .map((piece) => decodePercent(piece))
        .join("/");
      return params;
    }
    if ("literal" in segment) {
      if (segment.literal !== part) return undefined;
    } else {
      if (part === "") return undefined;
      params[segment.param] = decodePercent(part);
    }
  }
  return parts.length === segments.length ? params : undefined;
}
