import type { Handlers } from "@skerry/core/contract/dispatch/dispatcher.ts";
import { accessLogHandlers } from "./access-log.ts";
import { backupHandlers } from "./backup.ts";
import { bucketHandlers } from "./bucket.ts";
import { certificateHandlers } from "./certificate.ts";
import { containerHandlers } from "./container.ts";
import { containerFileHandlers } from "./container-files.ts";
import { authored, gatewayHandlers } from "./gateway.ts";
import { imageHandlers } from "./image.ts";
import { ipListHandlers } from "./iplist.ts";
import { networkHandlers } from "./network.ts";
import { nodeHandlers } from "./node.ts";
import { objectHandlers } from "./object.ts";
import { bindingHandlers, projectHandlers } from "./project.ts";
import { routeHandlers } from "./route.ts";
import type { Services } from "./services.ts";
import { sessionHandlers } from "./session.ts";
import { tokenHandlers } from "./token.ts";
import { upstreamHandlers } from "./upstream.ts";
import { userHandlers } from "./user.ts";
import { volumeHandlers } from "./volume.ts";

/** One handler file for each resource; the dispatcher refuses to start when a route has none. */
export function createHandlers(services: Services): Handlers {
  return new Map([
    ...bucketHandlers(services),
    ...objectHandlers(services),
    ...userHandlers(services),
    ...sessionHandlers(services),
    ...tokenHandlers(services),
    ...projectHandlers(services),
    ...bindingHandlers(services),
    ...authored(services, [
      ...routeHandlers(services),
      ...upstreamHandlers(services),
      ...certificateHandlers(services),
      ...ipListHandlers(services),
    ]),
    ...gatewayHandlers(services),
    ...accessLogHandlers(services),
    ...containerHandlers(services),
    ...containerFileHandlers(services),
    ...imageHandlers(services),
    ...volumeHandlers(services),
    ...networkHandlers(services),
    ...nodeHandlers(services),
    ...backupHandlers(services),
  ]);
}
