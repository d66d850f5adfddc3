/** Which route a request takes, and why, for who may read it. What he may not read is not there, and answers so. */
import { targetOf } from "@skerry/core/auth/access.ts";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import type { Route } from "@skerry/core/domain/gateway.ts";
import type { Permission } from "@skerry/core/domain/identity.ts";
import { shareOf } from "@skerry/core/domain/route-split.ts";
import { whatAnswers, whatChanges } from "@skerry/core/gateway/actions/told.ts";
import { explainGuard } from "@skerry/core/gateway/guard/explain-guard.ts";
import { whatHedges } from "@skerry/core/gateway/proxy/hedge-told.ts";
import type { Asked } from "@skerry/core/gateway/routing/asked.ts";
import { type Explanation, explain } from "@skerry/core/gateway/routing/explain.ts";
import { TICKET_HEADER } from "@skerry/core/gateway/routing/ticket.ts";
import { explainSplit } from "@skerry/core/gateway/split/explain.ts";
import type { TableEntry, Upstream } from "@skerry/core/gateway/table.ts";
import { explainChoice } from "@skerry/core/gateway/upstreams/explain.ts";
import { readSample } from "./gateway-samples.ts";
import { projectOf } from "./meta.ts";
import type { Services } from "./services.ts";

export const READ_UPSTREAMS: Permission = { root: "gateway", resource: "upstreams", action: "read" };

export function routeExplainHandlers(services: Services) {
  return [explainHandler(services), ticketHandler(services)];
}

function explainHandler(services: Services) {
  return handle.json(routeRoutes.explain, async (call, { body }) => {
    call.projects();
    const { head: asked, scheme } = readSample(body);
    const mayRead = ({ id, project = "" }: TableEntry) => call.allows(call.permission, { project, uid: id });
    const entries = services.gateway.entriesFor(asked.host);
    const mayServe = ({ host }: TableEntry) =>
      host === asked.host || (host.startsWith("*.") && asked.host.endsWith(host.slice(1)));
    if (!entries.some((entry) => mayServe(entry) && mayRead(entry))) call.hide(`route to ${asked.host}`);
    const request = { ...asked, scheme };
    const answer = (entry: TableEntry) =>
      entry.actions && whatAnswers(entry, entry.actions, request, httpsPortOf(services));
    const changes = (entry: TableEntry) => [
      ...(entry.actions ? whatChanges(entry, entry.actions, request) : []),
      ...whatHedges(entry, asked.method),
    ];
    const told = explain(entries, asked, mayRead);
    const guard = told.entry === undefined ? [] : explainGuard(told.entry, body.client, services.gateway.lists);
    return toView(services, call, { ...told, steps: [...told.steps, ...guard] }, asked, { answer, changes });
  });
}

function ticketHandler(services: Services) {
  return handle.json(routeRoutes.ticket, async (call, { body }) => {
    const project = projectOf(services, call, body.project) ?? call.principal.projectUid;
    call.authorize({ project }, body.project === undefined ? "your project" : `project ${body.project}`);
    const { ticket, untilMs } = services.gateway.ticketFor(project);
    return { header: TICKET_HEADER, ticket, expiresAt: new Date(untilMs).toISOString() };
  });
}

/** Of the redirect to HTTPS. */
export function httpsPortOf({ gateway }: Services): number {
  const url = gateway.httpsUrl === undefined ? undefined : new URL(gateway.httpsUrl);
  return url === undefined || url.port === "" ? 443 : Number(url.port);
}

interface Told {
  /** What the gateway says itself to a request of the route, in words. */
  readonly answer: (entry: TableEntry) => string | undefined;
  /** What it does with one that is passed on. */
  readonly changes: (entry: TableEntry) => readonly string[];
}

async function toView(services: Services, call: Call, explanation: Explanation, asked: Asked, told: Told) {
  const { steps, refused, entry, rule } = explanation;
  const shown = steps.map(({ project: _, ...step }) => step);
  if (refused !== undefined) {
    const { status } = new SkerryError(refused.id, refused.message);
    return {
      steps: shown,
      outcome: { state: "refused" as const, text: `The gateway answers ${status}: ${refused.message}` },
    };
  }
  const { project = "", name = "" } = entry ?? {};
  const found = entry && (await services.routes.find(project, name));
  // It may have gone this moment.
  if (entry === undefined || found === undefined || !call.allows(call.permission, targetOf.resource(found.route))) {
    return {
      steps: shown,
      outcome: { state: "none" as const, text: "No route that you may see takes this request: 404 not_found/route." },
    };
  }
  const refusal = steps.find(({ about, verdict }) => about === "access" && verdict === "no");
  if (refusal !== undefined) {
    return {
      steps: shown,
      outcome: {
        state: "refused" as const,
        text: `The route ${name} takes it (${rule}), and refuses it: ${refusal.why}.`,
      },
    };
  }
  const { url, ...backend } = services.gateway.statusOf(found.route);
  const { to, split } = found.route.spec;
  const leads = split === undefined ? `leads to ${to}` : explainSplit(split, entry, asked);
  const variants = split?.variants.map((one) => ({ name: one.name, to: one.to, percent: shareOf(split, one) }));
  const choice = await choiceOf(services, call, found.route, entry.upstream, asked);
  const projectName = services.auth.projects.find(project)?.meta.name;
  return {
    steps: shown,
    outcome: {
      state: "route" as const,
      text: `The route ${name} takes it (${rule}), and ${told.answer(entry) ?? [leads, ...told.changes(entry)].join("; it ")}.`,
      ...{ route: name, url, backend, ...(to === undefined ? {} : { to }), ...(rule === undefined ? {} : { rule }) },
      ...(variants === undefined ? {} : { variants }),
      ...(projectName === undefined ? {} : { project: projectName }),
      ...(choice === undefined ? {} : { choice }),
    },
  };
}

/** Undefined: it leads to no upstream that the caller may read. */
async function choiceOf(services: Services, call: Call, { meta, spec }: Route, compiled: Upstream, asked: Asked) {
  const name = /^upstream\/(.+)$/.exec(spec.to ?? "")?.[1];
  const found = name === undefined ? undefined : await services.upstreams.find(meta.project, name);
  if (found === undefined || !call.allows(READ_UPSTREAMS, targetOf.resource(found.upstream))) return undefined;
  const made = services.gateway.backendsOf(found.upstream);
  const { backends, how } = explainChoice(found.upstream.spec, made, compiled, spec.tags ?? [], asked);
  return { backends: [...backends], how: [...how] };
}
