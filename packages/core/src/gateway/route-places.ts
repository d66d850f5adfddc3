/** What a route depends on, so that it is looked at again when that changes. */
import type { Route } from "../domain/gateway.ts";
import { resourceKey } from "../domain/resource.ts";
import { destinationsOf, upstreamsIn } from "../domain/route-split.ts";
import type { UpstreamResource } from "../domain/upstreams.ts";
import type { LiveUpstreams } from "./upstreams/live-upstreams.ts";

/** By key of the store. */
type Upstreams = Pick<LiveUpstreams, "get">;

/** Keys of the upstreams to which it leads, whether they are there or not. */
export function upstreamKeysOf({ meta, spec }: Route): readonly string[] {
  return upstreamsIn(spec).map((name) => resourceKey("upstream", meta.project, name));
}

function upstreamsOf(route: Route, upstreams: Upstreams): readonly UpstreamResource[] {
  return upstreamKeysOf(route).flatMap((key) => upstreams.get(key) ?? []);
}

/** Where it leads, also through an upstream. */
export function placesOf(route: Route, upstreams: Upstreams): readonly string[] {
  const backends = upstreamsOf(route, upstreams).flatMap(({ spec }) => spec.backends.map(({ to }) => to));
  return [...destinationsOf(route.spec), ...backends];
}

/** Keys of the certificates that it shows to what it leads to. */
export function certificatesShownBy(route: Route, upstreams: Upstreams): readonly string[] {
  const specs = [route.spec, ...upstreamsOf(route, upstreams).map(({ spec }) => spec)];
  return specs.flatMap(({ upstreamTls }) =>
    upstreamTls?.clientCertificate === undefined
      ? []
      : [resourceKey("certificate", route.meta.project, upstreamTls.clientCertificate)],
  );
}
