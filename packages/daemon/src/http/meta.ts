import { targetOf } from "@skerry/core/auth/access.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { CLOUD, type ResourceMeta } from "@skerry/core/domain/resource.ts";
import type { Services } from "./services.ts";

/** Meta as it goes over the wire: with the revision, and the project's name beside its uid. */
export function viewMeta(services: Services, meta: ResourceMeta, revision: number) {
  const projectName = meta.project === CLOUD ? undefined : services.auth.projects.find(meta.project)?.meta.name;
  return { ...meta, labels: { ...meta.labels }, revision, ...(projectName === undefined ? {} : { projectName }) };
}

/**
 * Uid of the project that a name or uid means; nothing when none was given. @throws `not_found` when
 * it does not exist, and the same when who asks may see nothing of it.
 */
export function projectOf(services: Services, call: Call, nameOrUid: string | undefined): string | undefined {
  if (nameOrUid === undefined) return undefined;
  const uid = services.auth.projects.find(nameOrUid)?.meta.uid;
  const decision =
    uid === undefined ? "hidden" : services.auth.decide(call.principal, call.permission, targetOf.project(uid));
  // Forbidden: the project, or that kind in it, may be read. A list is empty then; creating is refused by its own decision.
  if (decision !== "allow" && decision !== "forbidden") call.hide(`project ${nameOrUid}`);
  return uid;
}
