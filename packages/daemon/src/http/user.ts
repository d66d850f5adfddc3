import { targetOf } from "@skerry/core/auth/access.ts";
import { publicOf, type Stored } from "@skerry/core/auth/context.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import type { User } from "@skerry/core/domain/identity.ts";
import { type Collection, listHandler } from "./collection.ts";
import { viewMeta } from "./meta.ts";
import type { Services } from "./services.ts";

export function userHandlers(services: Services) {
  const { auth, store } = services;
  const collection = (call: Call): Collection<ReturnType<typeof toView>> => ({
    kind: "user",
    visible: (entry) => call.allows(call.permission, targetOf.resource(publicOf<User>(entry).resource)),
    present: (entry) => toView(services, publicOf<User>(entry)),
  });
  return [
    listHandler(store, userRoutes.list, collection),

    handle.json(userRoutes.get, async (call, { params }) => {
      authorizeUser(services, call, params.name);
      return toView(services, await auth.users.get(params.name));
    }),

    handle.json(userRoutes.create, async (call, { body }) => {
      call.target = `user/${body.name}`;
      call.authorize(targetOf.cloud(), "users");
      const { user, password } = await auth.users.create({
        name: body.name,
        by: call.principal,
        ...(body.spec?.role === undefined ? {} : { role: body.spec.role }),
        ...(body.password === undefined ? {} : { password: body.password }),
        ...(body.labels === undefined ? {} : { labels: body.labels }),
      });
      return { user: toView(services, user), ...(password === undefined ? {} : { password }) };
    }),

    handle.json(userRoutes.update, async (call, { params, body }) => {
      authorizeUser(services, call, params.name);
      const updated = await auth.users.update(params.name, {
        by: call.principal,
        ...(body.spec?.role === undefined ? {} : { role: body.spec.role }),
        ...(body.spec?.disabled === undefined ? {} : { disabled: body.spec.disabled }),
        ...(body.labels === undefined ? {} : { labels: body.labels }),
        ...(body.revision === undefined ? {} : { revision: body.revision }),
      });
      return toView(services, updated);
    }),

    handle.json(userRoutes.delete, async (call, { params }) => {
      authorizeUser(services, call, params.name);
      await auth.users.delete(params.name);
      return undefined;
    }),

    handle.json(userRoutes.password, async (call, { params, body }) => {
      authorizeUser(services, call, params.name);
      await auth.users.changePassword({
        name: params.name,
        password: body.password,
        by: call.principal,
        ...(body.current === undefined ? {} : { current: body.current }),
        ...(call.request.remoteAddress === "local" ? {} : { ip: call.request.remoteAddress }),
      });
      await services.node.passwordChanged(params.name);
      return undefined;
    }),
  ];
}

function authorizeUser(services: Services, call: Call, name: string): void {
  call.target = `user/${name}`;
  const user = services.auth.users.find(name);
  if (user === undefined || user.meta.name !== name) call.hide(`user ${name}`);
  call.authorize(targetOf.resource(user), `user ${name}`);
}

function toView(services: Services, { resource, revision }: Stored<User>) {
  const { role, disabled } = resource.spec;
  return {
    kind: "user" as const,
    meta: viewMeta(services, resource.meta, revision),
    spec: { role, disabled },
  };
}
