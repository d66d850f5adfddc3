import { targetOf } from "@skerry/core/auth/access.ts";
import { publicOf, type Stored } from "@skerry/core/auth/context.ts";
import type { Session } from "@skerry/core/auth/records.ts";
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import { type Collection, listHandler } from "./collection.ts";
import { viewMeta } from "./meta.ts";
import type { Services } from "./services.ts";

export function sessionHandlers(services: Services) {
  const { auth, store } = services;
  const collection = (call: Call): Collection<ReturnType<typeof toView>> => ({
    kind: "session",
    visible: (entry) => call.allows(call.permission, targetOf.resource(publicOf<Session>(entry).resource)),
    present: (entry) => toView(services, call, publicOf<Session>(entry)),
  });
  return [
    handle.json(sessionRoutes.create, async (call, { body }) => {
      call.target = `user/${body.name.slice(0, 64)}`;
      const { bearer, session, user } = await auth.sessions.login({
        name: body.name,
        password: body.password,
        ...(call.request.remoteAddress === "local" ? {} : { ip: call.request.remoteAddress }),
      });
      return { token: bearer, expiresAt: session.resource.spec.expiresAt, userName: user.meta.name };
    }),

    listHandler(store, sessionRoutes.list, collection, (call) => call.principal.projectUid),

    handle.json(sessionRoutes.delete, async (call, { params }) => {
      const { credential, projectUid } = call.principal;
      const uid = params.uid === "current" && credential?.kind === "session" ? credential.uid : params.uid;
      call.target = `session/${uid}`;
      call.authorize({ project: projectUid, uid }, `session ${params.uid}`);
      await auth.sessions.delete(projectUid, uid);
      return undefined;
    }),

    handle.json(sessionRoutes.whoami, async (call) => {
      const { userUid, userName, role, projectUid, credential } = call.principal;
      return { userUid, userName, role, projectUid, ...(credential === undefined ? {} : { credential }) };
    }),
  ];
}

function toView(services: Services, call: Call, { resource, revision }: Stored<Session>) {
  const { user, expiresAt } = resource.spec;
  return {
    kind: "session" as const,
    meta: viewMeta(services, resource.meta, revision),
    spec: { user, expiresAt },
    current: call.principal.credential?.uid === resource.meta.uid,
  };
}
