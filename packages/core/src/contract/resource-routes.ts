/** The routes that a resource has because it is one: list, get, create, update, delete. What they do is said where it is declared. */
import type { PathTemplate, RouteHead } from "./route.ts";

/**
 * @param kind the resource's name; `/v1/<kind>s` is where it lies
 * @param permission `<root>.<resource>`, to which each route adds its action
 */
export function resourceRoutes(kind: string, permission: `${string}.${string}`) {
  const all: PathTemplate = `/v1/${kind}s`;
  const one: PathTemplate = `${all}/{name}`;
  const of = (verb: string, action = verb) =>
    ({ id: `${kind}.${verb}`, permission: `${permission}:${action}`, kind: "json", status: 200 }) as const;
  return {
    list: (summary: string): RouteHead => ({
      ...of("list", "read"),
      method: "GET",
      path: all,
      kind: "list",
      watch: true,
      summary,
    }),
    get: (summary: string): RouteHead => ({ ...of("get", "read"), method: "GET", path: one, summary }),
    create: (summary: string): RouteHead => ({ ...of("create"), method: "POST", path: all, status: 201, summary }),
    update: (summary: string): RouteHead => ({ ...of("update"), method: "PUT", path: one, summary }),
    delete: (summary: string): RouteHead => ({ ...of("delete"), method: "DELETE", path: one, status: 204, summary }),
  };
}
