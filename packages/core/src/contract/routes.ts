/**
 * Every route of the API with its schemas. The server, OpenAPI and the permission matrix walk it; clients import single
 * resources, without schemas.
 */
import { accessLogRoutes } from "./api/access-log.ts";
import { backupRoutes } from "./api/backup.ts";
import { bucketRoutes } from "./api/bucket.ts";
import { certificateRoutes } from "./api/certificate.ts";
import { containerRoutes } from "./api/container.ts";
import { gatewayRoutes } from "./api/gateway.ts";
import { imageRoutes } from "./api/image.ts";
import { ipListRoutes } from "./api/iplist.ts";
import { networkRoutes } from "./api/network.ts";
import { nodeRoutes } from "./api/node.ts";
import { objectRoutes } from "./api/object.ts";
import { bindingRoutes, projectRoutes } from "./api/project.ts";
import { authorityRoutes, routeRoutes } from "./api/route.ts";
import { sessionRoutes } from "./api/session.ts";
import { tokenRoutes } from "./api/token.ts";
import { upstreamRoutes } from "./api/upstream.ts";
import { userRoutes } from "./api/user.ts";
import { volumeRoutes } from "./api/volume.ts";
import type { Route, RouteSchemas, ServedRoute } from "./route.ts";
import { accessLogSchemas } from "./schema/access-log.ts";
import { backupSchemas } from "./schema/backup.ts";
import { bucketSchemas } from "./schema/bucket.ts";
import { certificateSchemas } from "./schema/certificate.ts";
import { containerSchemas } from "./schema/container.ts";
import { gatewaySchemas } from "./schema/gateway.ts";
import { imageSchemas } from "./schema/image.ts";
import { ipListSchemas } from "./schema/iplist.ts";
import { networkSchemas } from "./schema/network.ts";
import { nodeSchemas } from "./schema/node.ts";
import { objectSchemas } from "./schema/object.ts";
import { bindingSchemas, projectSchemas } from "./schema/project.ts";
import { authoritySchemas, routeSchemas } from "./schema/route.ts";
import { sessionSchemas } from "./schema/session.ts";
import { tokenSchemas } from "./schema/token.ts";
import { upstreamSchemas } from "./schema/upstream.ts";
import { userSchemas } from "./schema/user.ts";
import { volumeSchemas } from "./schema/volume.ts";

export const ROUTES: readonly ServedRoute[] = [
  serve(bucketRoutes, bucketSchemas),
  serve(objectRoutes, objectSchemas),
  serve(userRoutes, userSchemas),
  serve(sessionRoutes, sessionSchemas),
  serve(tokenRoutes, tokenSchemas),
  serve(projectRoutes, projectSchemas),
  serve(bindingRoutes, bindingSchemas),
  serve(routeRoutes, routeSchemas),
  serve(authorityRoutes, authoritySchemas),
  serve(upstreamRoutes, upstreamSchemas),
  serve(certificateRoutes, certificateSchemas),
  serve(ipListRoutes, ipListSchemas),
  serve(accessLogRoutes, accessLogSchemas),
  serve(gatewayRoutes, gatewaySchemas),
  serve(containerRoutes, containerSchemas),
  serve(imageRoutes, imageSchemas),
  serve(volumeRoutes, volumeSchemas),
  serve(networkRoutes, networkSchemas),
  serve(nodeRoutes, nodeSchemas),
  serve(backupRoutes, backupSchemas),
].flat();

const SCHEMAS: ReadonlyMap<string, RouteSchemas> = new Map(ROUTES.map(({ id, schemas }) => [id, schemas]));

/** For who checks input before it is sent. */
export function schemasOf<S extends RouteSchemas>(route: Route<S>): S {
  return SCHEMAS.get(route.id) as S;
}

function serve<S extends Readonly<Record<string, RouteSchemas>>>(
  routes: { readonly [Verb in keyof S]: Route<S[Verb]> },
  schemas: S,
): readonly ServedRoute[] {
  return Object.entries<Route>(routes).map(([verb, route]) => ({ ...route, schemas: schemas[verb] as RouteSchemas }));
}
