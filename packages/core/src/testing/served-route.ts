/** A route of a test's own, in one piece. */
import type { Route, RouteSchemas, ServedRoute } from "../contract/route.ts";

type Flat<S extends RouteSchemas> = Omit<Route, "schemas"> & S;

export function servedRoute<S extends RouteSchemas>({ params, query, body, output, ...head }: Flat<S>): ServedRoute<S> {
  return { ...head, schemas: { params, query, body, output } } as unknown as ServedRoute<S>;
}
