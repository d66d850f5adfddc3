import { targetOf } from "@skerry/core/auth/access.ts";
import { publicOf, type Stored } from "@skerry/core/auth/context.ts";
import { tokenRoutes } from "@skerry/core/contract/api/token.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import type { Token } from "@skerry/core/domain/identity.ts";
import { type Collection, listHandler } from "./collection.ts";
import { viewMeta } from "./meta.ts";
import type { Services } from "./services.ts";

export function tokenHandlers(services: Services) {
  const { auth, store } = services;
  const collection = (call: Call): Collection<ReturnType<typeof toView>> => ({
    kind: "token",
    visible: (entry) => call.allows(call.permission, targetOf.resource(publicOf<Token>(entry).resource)),
    present: (entry) => toView(services, publicOf<Token>(entry)),
  });
  return [
    listHandler(store, tokenRoutes.list, collection, (call) => call.principal.projectUid),

    handle.json(tokenRoutes.get, async (call, { params }) => {
      authorizeOwn(call, params.name);
      return toView(services, await auth.tokens.get(call.principal.projectUid, params.name));
    }),

    handle.json(tokenRoutes.create, async (call, { body }) => {
      authorizeOwn(call, body.name);
      const { token, bearer } = await auth.tokens.create({
        user: call.principal.userName,
        name: body.name,
        by: call.principal,
        ...(body.scopes === undefined ? {} : { scopes: body.scopes }),
        ...(body.expiresInSeconds === undefined ? {} : { expiresInMs: body.expiresInSeconds * 1000 }),
        ...(body.labels === undefined ? {} : { labels: body.labels }),
      });
      return { token: toView(services, token), secret: bearer };
    }),

    handle.json(tokenRoutes.delete, async (call, { params }) => {
      authorizeOwn(call, params.name);
      await auth.tokens.delete(call.principal.projectUid, params.name);
      return undefined;
    }),
  ];
}

/** Tokens are their user's own: they lie in the user's project, and no one else's can be named. */
function authorizeOwn(call: Call, name: string): void {
  call.target = `token/${name}`;
  call.authorize({ project: call.principal.projectUid }, `token ${name}`);
}

function toView(services: Services, { resource, revision }: Stored<Token>) {
  const { user, scopes, expiresAt } = resource.spec;
  const lastUsedAt = services.auth.lastUsedAt(resource.meta.uid);
  return {
    kind: "token" as const,
    meta: viewMeta(services, resource.meta, revision),
    spec: {
      user,
      ...(scopes === undefined
        ? {}
        : { scopes: Object.fromEntries(Object.entries(scopes).map(([path, actions]) => [path, [...actions]])) }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    },
    ...(lastUsedAt === undefined ? {} : { status: { lastUsedAt } }),
  };
}
