/** What changes of the gateway of a project: looking at it before, what was changed, and going back. */
import { type GenerationView, gatewayRoutes } from "@skerry/core/contract/api/gateway.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { type HandlerEntry, handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { Generation } from "@skerry/core/gateway/history/history.ts";
import type { Draft } from "@skerry/core/store/drafts.ts";
import { type AskedChange, changesOf, Drafting, readOf, viewOfChange } from "./gateway-draft.ts";
import { tellRequests } from "./gateway-preview.ts";
import { type Back, draftBack } from "./gateway-rollback.ts";
import { projectOf } from "./meta.ts";
import type { Services } from "./services.ts";

const LISTED = 20;

export function gatewayHandlers(services: Services) {
  const { history } = services.gatewayChanges;
  return [
    handle.json(gatewayRoutes.preview, async (call, { body }) => {
      const project = openProject(services, call, body.project);
      if ((body.changes === undefined) === (body.backTo === undefined)) {
        throw new SkerryError("invalid", "A preview is of changes, or of a rollback: say one of changes and backTo.");
      }
      const draft = await drafted(services, call, project, body);
      const { newest } = await history.range(project);
      const asked = { project, draft, given: body.samples ?? [], useLog: body.log !== false };
      const requests = await tellRequests(services, call, asked);
      return { generation: newest, changes: await changesOf(services, call, draft), ...requests };
    }),

    handle.json(gatewayRoutes.history, async (call, { query }) => {
      const project = openProject(services, call, query.project);
      const { newest, oldest } = await history.range(project);
      const found = await history.list(project, LIMITS.history.maxGenerations, query.before);
      const items = found.map((one) => viewOf(call, project, one)).filter(({ changes }) => changes.length > 0);
      return { items: items.slice(0, query.limit ?? LISTED), newest, oldest };
    }),

    handle.json(gatewayRoutes.generation, async (call, { params, query }) => {
      const project = openProject(services, call, query.project);
      const found = await history.expect(project, params.generation);
      const changes = seen(call, project, found).map(async (change) => {
        const before = await history.before(project, found.generation, change.key);
        return viewOfChange(change, before, await history.after(project, found.generation, change.key));
      });
      return { ...viewOf(call, project, found), changes: await Promise.all(changes) };
    }),

    handle.json(gatewayRoutes.rollback, async (call, { body }) => {
      const project = openProject(services, call, body.project);
      call.target = `generation/${body.backTo}`;
      const { newest } = await history.range(project);
      if (body.newest !== undefined && body.newest !== newest) throw changedMeanwhile();
      const back = await draftBack(services, call, project, body.backTo);
      if (back.newest !== newest) throw changedMeanwhile();
      const changes = await changesOf(services, call, back.draft);
      if (changes.length > 0) await commit(services, call, project, body.backTo, back);
      return { generation: (await history.range(project)).newest, changes };
    }),
  ];
}

/** What the handlers change of the gateway's kinds is written down as the caller's. */
export function authored({ gatewayChanges: { history } }: Services, entries: readonly HandlerEntry[]): HandlerEntry[] {
  return entries.map(([id, handler]): HandlerEntry => {
    if (typeof handler !== "function") return [id, handler];
    const run = handler as (call: Call, input: never) => Promise<unknown>;
    return [id, ((call: Call, input: never) => history.by(authorOf(call), () => run(call, input))) as typeof handler];
  });
}

function authorOf({ principal: { userUid, userName }, route, request }: Call) {
  return { uid: userUid, name: userName, action: route.id, requestId: request.id };
}

/** Uid of the project, when the permission of the call holds on all of the kind in it. @throws what hides or forbids it. */
function openProject(services: Services, call: Call, named: string | undefined): string {
  const project = projectOf(services, call, named) ?? call.principal.projectUid;
  call.authorize({ project }, named === undefined ? "your project" : `project ${named}`);
  return project;
}

async function drafted(
  services: Services,
  call: Call,
  project: string,
  {
    changes = [],
    backTo,
  }: { readonly changes?: readonly AskedChange[] | undefined; readonly backTo?: number | undefined },
): Promise<Draft> {
  if (backTo !== undefined) return (await draftBack(services, call, project, backTo)).draft;
  const drafting = new Drafting(services);
  return drafting.run(async () => {
    for (const change of changes) await drafting.make(call, project, change);
  });
}

/** @throws `conflict/precondition` when something has changed meanwhile; nothing is done then. */
async function commit(services: Services, call: Call, project: string, backTo: number, back: Back): Promise<void> {
  const { gatewayChanges, gateway } = services;
  const { history, drafts } = gatewayChanges;
  const upstreams = [...back.draft.written].filter(([key]) => key.startsWith("/upstream/"));
  const befores = await Promise.all(upstreams.map(([key]) => services.store.get(key)));
  const { succeeded, revision } = await history.by({ ...authorOf(call), backTo }, () =>
    drafts.commit(back.draft, [history.unchanged(project, back.revision)]),
  );
  if (!succeeded) throw changedMeanwhile();
  await gateway.activated(revision);
  for (const [at, [, entry]] of upstreams.entries()) {
    const { uid = "" } = (befores[at]?.value as { meta?: { uid?: string } } | undefined)?.meta ?? {};
    if (entry === undefined && uid !== "") gateway.forgetUpstream(uid);
  }
}

function changedMeanwhile(): SkerryError {
  return new SkerryError(
    "conflict/precondition",
    "The gateway of the project has changed meanwhile. Nothing was done.",
    {
      hint: "Look again at what would be put back: skerry gateway rollback N --dry-run",
    },
  );
}

/** Of what the caller may see. */
function seen(call: Call, project: string, { changes }: Generation): Generation["changes"] {
  return changes.filter(({ kind, uid }) => call.allows(readOf(kind), { project, uid }));
}

function viewOf(call: Call, project: string, found: Generation): GenerationView {
  const { generation, time, author } = found;
  const { uid, name, action, requestId, backTo } = author;
  return {
    ...{ generation, time, author: { uid, name }, action },
    ...(requestId === undefined ? {} : { requestId }),
    ...(backTo === undefined ? {} : { backTo }),
    changes: seen(call, project, found).map(({ kind, name: of, result }) => ({ kind, name: of, result })),
  };
}
