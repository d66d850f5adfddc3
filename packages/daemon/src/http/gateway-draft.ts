/**
 * Several changes of the gateway as one: each is made as its own call would make it, with all that this asks and checks, but
 * in a draft.
 */

import { isDeepStrictEqual } from "node:util";
import { targetOf } from "@skerry/core/auth/access.ts";
import type { GatewayChangeView } from "@skerry/core/contract/api/gateway.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import type { Handlers, JsonHandler } from "@skerry/core/contract/dispatch/dispatcher.ts";
import { validate } from "@skerry/core/contract/dispatch/input.ts";
import type { Route, ServedRoute } from "@skerry/core/contract/route.ts";
import { ROUTES } from "@skerry/core/contract/routes.ts";
import { type ErrorId, SkerryError, toSkerryError } from "@skerry/core/domain/errors.ts";
import type { RouteSpec } from "@skerry/core/domain/gateway.ts";
import type { Permission } from "@skerry/core/domain/identity.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { type Resource, resourceKey } from "@skerry/core/domain/resource.ts";
import type { UpstreamSpec } from "@skerry/core/domain/upstreams.ts";
import { HISTORY_KINDS, type HistoryKind, type Kept, keptOf, placeIn } from "@skerry/core/gateway/history/changes.ts";
import type { Draft } from "@skerry/core/store/drafts.ts";
import { certificateHandlers } from "./certificate.ts";
import { ipListHandlers } from "./iplist.ts";
import { routeHandlers, specOfRoute } from "./route.ts";
import type { Services } from "./services.ts";
import { specOfUpstream, upstreamHandlers } from "./upstream.ts";

/** One thing as it is to be. */
export interface AskedChange {
  readonly kind: HistoryKind;
  readonly name: string;
  readonly delete?: boolean | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** As in a create; of what is there as in an update. */
  readonly spec?: Readonly<Record<string, unknown>> | undefined;
}

type Verb = "create" | "update" | "delete";

const BY_ID = new Map(ROUTES.map((route) => [route.id, route]));

export class Drafting {
  /** As the rest of the daemon has them. */
  readonly services: Services;
  readonly #handlers: Handlers;

  constructor(services: Services) {
    this.services = services;
    // Nothing of it is in force, so nothing is waited for or forgotten.
    const gateway = { ...services.gateway, activated: async () => undefined, forgetUpstream: () => undefined };
    const quiet = { ...services, gateway };
    const all = [routeHandlers, upstreamHandlers, certificateHandlers, ipListHandlers];
    this.#handlers = new Map(all.flatMap((handlersOf) => handlersOf(quiet)));
  }

  /** @throws what the first that is refused is refused with; its message says which one. */
  run(work: () => Promise<void>): Promise<Draft> {
    return this.services.gatewayChanges.drafts.run(work);
  }

  /** Within `run`. `project`: its uid. */
  async make(call: Call, project: string, change: AskedChange): Promise<void> {
    const { kind, name, labels, spec } = change;
    const verb = change.delete === true ? "delete" : (await this.isThere(kind, project, name)) ? "update" : "create";
    const said = { ...(labels === undefined ? {} : { labels }), ...(spec === undefined ? {} : { spec }) };
    try {
      await this.#call(call, kind, verb, { name, project, said });
    } catch (thrown) {
      throw ofThing(`${kind} ${name}`, thrown);
    }
  }

  async isThere(kind: HistoryKind, project: string, name: string): Promise<boolean> {
    const { store } = this.services.gatewayChanges.drafts;
    return (await store.get(resourceKey(kind, project, name))) !== undefined;
  }

  async #call(call: Call, kind: HistoryKind, verb: Verb, { name, project, said }: Said): Promise<void> {
    const route = BY_ID.get(`${kind}.${verb}`) as ServedRoute;
    const handler = this.#handlers.get(route.id) as JsonHandler<Route>;
    const body = verb === "create" ? { name, project, ...said } : said;
    const { schemas } = route;
    const input = {
      params: validate(schemas.params, verb === "create" ? {} : { name }, "path"),
      query: validate(schemas.query, verb === "create" ? {} : { project }, "query"),
      body: verb === "delete" || schemas.body === undefined ? undefined : validate(schemas.body, body, "body"),
    };
    await handler(call.as(route), input as never);
  }
}

interface Said {
  readonly name: string;
  readonly project: string;
  readonly said: Pick<AskedChange, "labels" | "spec">;
}

/** The same with the name of the thing before it. */
function ofThing(what: string, thrown: unknown): SkerryError {
  const { code, reason, message, hint, details, retryAfterMs } = toSkerryError(thrown);
  const id = (reason === undefined ? code : `${code}/${reason}`) as ErrorId;
  return new SkerryError(id, `${what}: ${message}`, {
    cause: thrown,
    ...(hint === undefined ? {} : { hint }),
    ...(details === undefined ? {} : { details }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

export function readOf(kind: HistoryKind): Permission {
  return { root: "gateway", resource: `${kind}s`, action: "read" };
}

/** As it is shown, and can be said again. */
export function specOf(kind: HistoryKind, { spec }: Pick<Kept, "spec">): Record<string, unknown> {
  if (kind === "route") return specOfRoute(spec as unknown as RouteSpec);
  return kind === "upstream" ? specOfUpstream(spec as unknown as UpstreamSpec) : { ...spec };
}

/** What was, and what is instead. */
export function viewOfChange(
  { kind, name, result }: Pick<GatewayChangeView, "kind" | "name" | "result">,
  before: Kept | undefined,
  after: Kept | undefined,
): GatewayChangeView {
  return {
    ...{ kind, name, result },
    ...(before === undefined ? {} : { before: toldOf(kind, before) }),
    ...(after === undefined ? {} : { after: toldOf(kind, after) }),
  };
}

/** Lists of networks may be long. */
function toldOf(kind: HistoryKind, kept: Kept): Record<string, unknown> {
  const most = LIMITS.history.maxToldLength;
  if (kept.digest !== undefined) return { sha256: kept.digest };
  const told = Object.entries(specOf(kind, kept)).map(([field, value]) => {
    const isLong = typeof value === "string" && value.length > most;
    return [field, isLong ? `${value.slice(0, most)}... (${value.length} characters)` : value];
  });
  return Object.fromEntries(told);
}

/** What of the gateway a draft makes different, of that what the caller may see. */
export async function changesOf(services: Services, call: Call, draft: Draft): Promise<GatewayChangeView[]> {
  const views: GatewayChangeView[] = [];
  for (const [key, entry] of draft.written) {
    const { kind, name } = placeIn(key);
    if (!HISTORY_KINDS.includes(kind)) continue;
    const now = await services.store.get(key);
    const [before, after] = [keptOf(now), keptOf(entry)];
    if (isDeepStrictEqual(before, after)) continue;
    const thing = (entry ?? now)?.value as unknown as Resource<unknown>;
    if (!call.allows(readOf(kind), targetOf.resource(thing))) continue;
    const result = before === undefined ? "created" : after === undefined ? "deleted" : "updated";
    views.push(viewOfChange({ kind, name, result }, before, after));
  }
  const order = ({ kind }: GatewayChangeView) => HISTORY_KINDS.indexOf(kind);
  return views.sort((a, b) => order(a) - order(b) || (a.name < b.name ? -1 : 1));
}
