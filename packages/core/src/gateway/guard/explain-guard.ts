/** What a route asks of who comes, told step by step. */
import type { Step } from "../routing/explain.ts";
import type { TableEntry } from "../table.ts";
import { explainAccess } from "./access.ts";
import type { NetworkLists } from "./network-lists.ts";

const BOUNDS = {
  inFlight: (most: number) => `${most} requests at once; beyond: 503 exhausted/overload`,
  inFlightPerClient: (most: number) => `${most} requests at once of one client; beyond: 429 exhausted/rate`,
  maxBodyBytes: (most: number) => `bodies of ${most} bytes; beyond: 413 invalid/too-large`,
  maxHeaderBytes: (most: number) => `heads of ${most} bytes; beyond: 431 invalid/headers`,
} as const;

/** Steps after the one that says which route takes the request. `client`: an address, when one was said. */
export function explainGuard(
  { guard, project }: TableEntry,
  client: string | undefined,
  lists: NetworkLists,
): readonly Step[] {
  const steps: Step[] = [];
  const about = project === undefined ? {} : { project };
  if (guard?.access !== undefined && client === undefined) {
    const why = "it does not take every address; say one to hear more (skerry route explain --client ADDRESS)";
    steps.push({ about: "access", verdict: "note", why, ...about });
  }
  if (guard?.access !== undefined && client !== undefined) {
    const { isRefused, why } = explainAccess(guard.access, client, lists);
    steps.push({ about: "access", name: client, verdict: isRefused ? "no" : "note", why, ...about });
  }
  for (const { by, requests, per, burst = requests } of guard?.limits?.rate ?? []) {
    const why = `${requests} requests in each ${per} by ${by}, ${burst} at once; beyond: 429 exhausted/rate`;
    steps.push({ about: "limits", verdict: "note", why, ...about });
  }
  if (guard?.priority !== undefined) {
    const when = guard.priority === "low" ? "before others" : "after others";
    const why = `${guard.priority} priority: refused ${when} when the gateway has too much to do`;
    steps.push({ about: "limits", verdict: "note", why, ...about });
  }
  for (const [field, text] of Object.entries(BOUNDS)) {
    const most = guard?.limits?.[field as keyof typeof BOUNDS];
    if (most !== undefined) steps.push({ about: "limits", verdict: "note", why: text(most), ...about });
  }
  return steps;
}
