/** Every route of the API. The server, OpenAPI and the permission matrix walk it; clients import single resources. */
import { backupRoutes } from "./api/backup.ts";
import { bucketRoutes } from "./api/bucket.ts";
import { containerRoutes } from "./api/container.ts";
import { imageRoutes } from "./api/image.ts";
import { nodeRoutes } from "./api/node.ts";
import { objectRoutes } from "./api/object.ts";
import { bindingRoutes, projectRoutes } from "./api/project.ts";
import { authorityRoutes, routeRoutes } from "./api/route.ts";
import { sessionRoutes } from "./api/session.ts";
import { tokenRoutes } from "./api/token.ts";
import { userRoutes } from "./api/user.ts";
import { volumeRoutes } from "./api/volume.ts";
import type { Route } from "./route.ts";

export const ROUTES: readonly Route[] = [
  bucketRoutes,
  objectRoutes,
  userRoutes,
  sessionRoutes,
  tokenRoutes,
  projectRoutes,
  bindingRoutes,
  routeRoutes,
  authorityRoutes,
  containerRoutes,
  imageRoutes,
  volumeRoutes,
  nodeRoutes,
  backupRoutes,
].flatMap((group) => Object.values(group) as Route[]);
