/** Canaries, wired: who looks after them, and what is written down of each move: in the audit log, not in the history. */
import type { Audit } from "@skerry/core/auth/audit.ts";
import type { Clock } from "@skerry/core/domain/ports.ts";
import type { Logger } from "@skerry/core/domain/telemetry.ts";
import { CanaryController } from "@skerry/core/gateway/canary/controller.ts";
import type { GatewayHistory } from "@skerry/core/gateway/history/history.ts";
import type { RouteService } from "@skerry/core/gateway/routes.ts";
import type { Gateway } from "./gateway.ts";

const ACTOR = { uid: "system", name: "system" };

export function lookAfterCanaries(options: {
  readonly clock: Clock;
  readonly log: Logger;
  readonly routes: RouteService;
  readonly gateway: Pick<Gateway, "canaries" | "activated">;
  readonly audit: Pick<Audit, "record">;
  readonly history: Pick<GatewayHistory, "unrecorded">;
}): CanaryController {
  const { gateway, audit, log, routes, history } = options;
  return new CanaryController({
    ...options,
    ...gateway.canaries,
    routes: {
      find: (project, name) => routes.find(project, name),
      update: (project, name, change) => history.unrecorded(() => routes.update(project, name, change)),
    },
    async onMove({ route, revision }, { phase, percent, why }) {
      const { name, uid } = route.meta;
      log.info({ route: uid, phase, percent, why }, "gateway: a canary has moved");
      const action = phase === "rolled-back" ? "route.canary.rollback" : "route.canary.step";
      await audit.record({ actor: ACTOR, action, target: `route/${name}`, outcome: "ok" });
      await gateway.activated(revision);
    },
  });
}
