import { accessLogRoutes } from "@skerry/core/contract/api/access-log.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import type { Principal } from "@skerry/core/domain/identity.ts";
import { type AccessLine, readAccessLog } from "../gateway/access-reader.ts";
import { projectOf } from "./meta.ts";
import { openRoute } from "./route.ts";
import type { Services } from "./services.ts";

const LINES = 100;

export function accessLogHandlers(services: Services) {
  const { clock, gateway } = services;
  return [
    handle.download(accessLogRoutes.read, async (call, { query }) => {
      call.projects();
      const directory = gateway.accessLogDirectory;
      const route = query.route === undefined ? undefined : await openRoute(services, call, query.route, query.project);
      const project = projectOf(services, call, query.project);
      if (directory === undefined) {
        throw new SkerryError("conflict", "This node keeps no access log.", {
          hint: "Start the daemon with --gateway-access-log all, or errors; and with gateway workers.",
        });
      }
      const sight = new Sight(call);
      const body = readAccessLog({
        ...{ directory, clock, signal: call.signal, tail: query.tail ?? LINES, follow: query.follow === "1" },
        wants: (line) =>
          (route === undefined || line.route === route.route.meta.uid) &&
          (project === undefined || line.project === project) &&
          (query.errors === undefined || line.error !== undefined || (line.status ?? 0) >= 500) &&
          sight.sees(line),
      });
      return { status: 200, headers: { "content-type": "application/x-ndjson", "cache-control": "no-store" }, body };
    }),
  ];
}

/** Which lines who asks may see, as it is at the moment: a stream outlives changes of rights. */
class Sight {
  readonly #call: Call;
  #principal: Principal | undefined;
  #seesAll = false;
  /** By uid of the route. */
  readonly #known = new Map<string, boolean>();

  constructor(call: Call) {
    this.#call = call;
  }

  sees({ route, project }: AccessLine): boolean {
    const call = this.#call;
    if (this.#principal !== call.principal) {
      this.#principal = call.principal;
      this.#known.clear();
      this.#seesAll = call.projects() === "all";
    }
    // What led to no route is nobody's but of who may see all.
    if (this.#seesAll || route === undefined || project === undefined) return this.#seesAll;
    let sees = this.#known.get(route);
    if (sees === undefined) {
      sees = call.allows(call.permission, { project, uid: route });
      this.#known.set(route, sees);
    }
    return sees;
  }
}
