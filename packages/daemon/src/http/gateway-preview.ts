/** Which requests a draft would change: what the gateway decides about each now, and with what the draft has written. */
import { setImmediate } from "node:timers/promises";
import type { PreviewView } from "@skerry/core/contract/api/gateway.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { compareDecisions, Decider, type Decision } from "@skerry/core/gateway/preview/decision.ts";
import {
  compileProject,
  entriesWith,
  type ProjectTable,
  sourcesWith,
} from "@skerry/core/gateway/preview/table-draft.ts";
import type { TableEntry } from "@skerry/core/gateway/table.ts";
import type { Draft } from "@skerry/core/store/drafts.ts";
import { type GivenSample, givenSamples, loggedSamples } from "./gateway-samples.ts";
import { httpsPortOf, READ_UPSTREAMS } from "./route-explain.ts";
import type { Services } from "./services.ts";

const { maxTold } = LIMITS.history;
const AT_ONCE = 50;

/** `project`: its uid. `useLog`: requests of the access log are looked at, too. */
export async function tellRequests(
  services: Services,
  call: Call,
  { project, draft, given, useLog }: { project: string; draft: Draft; given: readonly GivenSample[]; useLog: boolean },
): Promise<Pick<PreviewView, "requests" | "told" | "untold">> {
  const { gateway } = services;
  const sources = gateway.sourcesOf(project);
  const now = compileProject(sources);
  const next = compileProject(sourcesWith(project, sources, draft.written));
  const worldOf = ({ lists, routes }: ProjectTable) => ({
    ...{ lists, routes, httpsPort: httpsPortOf(services) },
    mayRead: ({ id, project: owner = "" }: TableEntry) =>
      call.allows(call.permission, owner === project ? { project } : { project: owner, uid: id }),
    mayReadUpstream: call.allows(READ_UPSTREAMS, { project }),
  });
  const before = new Decider(worldOf(now), (host) => gateway.entriesFor(host));
  const after = new Decider(worldOf(next), (host) => entriesWith(project, next, gateway.entriesFor(host), host));
  const ofClients = now.asksForClient || next.asksForClient;
  const logged = useLog ? await loggedSamples(services, call, project, ofClients) : { samples: [], unread: 0 };
  const requests = { looked: 0, changed: 0, settings: 0, unsure: logged.unread };
  const told: PreviewView["told"] = [];
  const all = [...givenSamples(given), ...logged.samples];
  for (const [at, { sample, from, url, taken, count }] of all.entries()) {
    // Others are served meanwhile.
    if (at % AT_ONCE === 0) await setImmediate();
    const was = before.decide(sample);
    // It went by what the log does not keep.
    if (taken !== undefined && taken !== was.entry?.id && now.routes.has(taken)) {
      requests.unsure += count;
      continue;
    }
    const is = after.decide(sample);
    const how = compareDecisions(was, is);
    requests.looked += count;
    if (how === "settings") requests.settings += count;
    if (how !== "changed") continue;
    requests.changed += count;
    told.push({ from, count, method: sample.head.method, url, before: shown(was), after: shown(is) });
  }
  told.sort((a, b) => b.count - a.count);
  return { requests, told: told.slice(0, maxTold), untold: Math.max(0, told.length - maxTold) };
}

function shown({ state, route, text }: Decision): PreviewView["told"][number]["before"] {
  return { state, text, ...(route === undefined ? {} : { route }) };
}
