/** What changes of the gateway of a project: looking at it before, what was changed, and going back. */
import { type GatewayChangeView, type GenerationView, gatewayRoutes } from "@skerry/core/contract/api/gateway.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { type HandlerEntry, handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { Generation } from "@skerry/core/gateway/history/history.ts";
import type { Draft } from "@skerry/core/store/drafts.ts";
import { type AskedChange, changesOf, Drafting, readOf, viewOfChange } from "./gateway-draft.ts";
import { tellRequests } from "./gateway-preview.ts";
import { draftBack } from "./gateway-rollback.ts";
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
      const { draft, newest } = await drafted(services, call, project, body);
      const asked = { project, draft, given: body.samples ?? [], useLog: body.log !== false };
      const requests = await tellRequests(services, call, asked);
      return { generation: newest, changes: await changesOf(services, call, draft), ...requests };
    }),

    handle.json(gatewayRoutes.change, (call, { body }) => make(services, call, body)),

    handle.json(gatewayRoutes.rollback, (call, { body }) => make(services, call, body)),

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

/** What is to be changed at once. */
interface Asked {
  readonly project?: string | undefined;
  readonly changes?: readonly AskedChange[] | undefined;
  /** Instead: a rollback. */
  readonly backTo?: number | undefined;
  /** Nothing is done when the newest generation is another. */
  readonly newest?: number | undefined;
}

async function drafted(services: Services, call: Call, project: string, asked: Asked): Promise<Drafted> {
  const { changes = [], backTo } = asked;
  const { newest, revision } = await services.gatewayChanges.history.range(project);
  if (asked.newest !== undefined && asked.newest !== newest) throw changedMeanwhile();
  if (backTo !== undefined) {
    return { draft: await draftBack(services, call, project, backTo), newest, revision };
  }
  const drafting = new Drafting(services);
  const draft = await drafting.run(async () => {
    for (const change of changes) await drafting.make(call, project, change);
  });
  return { draft, newest, revision };
}

interface Drafted {
  readonly draft: Draft;
  /** The newest generation, on which it builds, and the revision that says so. */
  readonly newest: number;
  readonly revision: number;
}

/** Who has not said on what it builds has it made on what is there then. @throws what refuses any of it; nothing is done then. */
async function make(services: Services, call: Call, asked: Asked) {
  const project = openProject(services, call, asked.project);
  for (let attempt = 1; ; attempt++) {
    const { draft, newest, revision } = await drafted(services, call, project, asked);
    const changes = await changesOf(services, call, draft);
    call.target = targetOf(changes, asked.backTo);
    if (changes.length === 0) return { generation: newest, changes };
    if (await commit(services, call, project, { draft, revision, backTo: asked.backTo })) {
      return { generation: newest + 1, changes };
    }
    if (asked.newest !== undefined || attempt === LIMITS.gateway.maxTransactionAttempts) throw changedMeanwhile();
  }
}

/** For the audit log. */
function targetOf(changes: readonly GatewayChangeView[], backTo: number | undefined): string {
  const names = changes.map(({ kind, name }) => `${kind}/${name}`).join(" ");
  return backTo === undefined ? names : `generation/${backTo} ${names}`;
}

/** False when something has changed meanwhile: nothing is done then. */
async function commit(
  services: Services,
  call: Call,
  project: string,
  { draft, revision: at, backTo }: Pick<Drafted, "draft" | "revision"> & Pick<Asked, "backTo">,
): Promise<boolean> {
  const { gatewayChanges, gateway } = services;
  const { history, drafts } = gatewayChanges;
  const upstreams = [...draft.written].filter(([key]) => key.startsWith("/upstream/"));
  const befores = await Promise.all(upstreams.map(([key]) => services.store.get(key)));
  const author = { ...authorOf(call), ...(backTo === undefined ? {} : { backTo }) };
  const { succeeded, revision } = await history.by(author, () =>
    drafts.commit(draft, [history.unchanged(project, at)]),
  );
  if (!succeeded) return false;
  await gateway.activated(revision);
  for (const [n, [, entry]] of upstreams.entries()) {
    const { uid = "" } = (befores[n]?.value as { meta?: { uid?: string } } | undefined)?.meta ?? {};
    if (entry === undefined && uid !== "") gateway.forgetUpstream(uid);
  }
  return true;
}

function changedMeanwhile(): SkerryError {
  return new SkerryError(
    "conflict/precondition",
    "The gateway of the project has changed meanwhile. Nothing was done.",
    {
      hint: "Look at what has changed, skerry gateway history, and decide anew.",
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
