/** What a declaration would change, against what is there now. Applying does what the plan says; a dry run shows it. */
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { projectRoutes } from "@skerry/core/contract/api/project.ts";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { isError, SkerryError } from "@skerry/core/contract/errors.ts";
import type { Route } from "@skerry/core/contract/route.ts";
import type { AnyResource } from "../commands/resource/descriptor.ts";
import type { Declaration, DeclaredKind } from "./declaration.ts";

export const ROUTES: Readonly<Record<DeclaredKind, { get: Route; create: Route; update?: Route }>> = {
  bucket: bucketRoutes as never,
  route: routeRoutes as never,
  user: userRoutes as never,
  project: projectRoutes as never,
};

type Current = AnyResource & { readonly spec: Readonly<Record<string, unknown>> };

/** One field, by its path: `spec.visibility`, `labels.team`. Absent: it is not there. */
export interface Change {
  readonly field: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

export interface Plan {
  readonly result: "created" | "updated" | "unchanged";
  /** Empty when nothing changes, else at least one unless an empty thing is created. */
  readonly changes: readonly Change[];
  /** Revision of what is there. */
  readonly revision?: number;
}

/** How one is asked for that is there already. `inProject`: where it is looked for when the declaration names none. */
export function addressOf({ kind, name, project }: Declaration, inProject: string | undefined) {
  const where = kind === "route" ? (project ?? inProject) : undefined; // a bucket's name is its own in the whole cloud
  return { params: { name }, query: where === undefined ? {} : { project: where } };
}

/** @throws `conflict` (of another project), `unsupported` (differs, and cannot be changed), and what reading throws. */
export async function planDeclaration(
  declaration: Declaration,
  client: Client,
  signal: AbortSignal,
  inProject: string | undefined,
): Promise<Plan> {
  const { kind, name, project, place } = declaration;
  const current = (await found(client.call(ROUTES[kind].get, { ...addressOf(declaration, inProject), signal }))) as
    | Current
    | undefined;
  if (current === undefined) return { result: "created", changes: changesFrom({}, wanted(declaration)) };
  if (project !== undefined && ![current.meta.project, current.meta.projectName].includes(project)) {
    throw new SkerryError("conflict", `${place}: ${kind} ${name} belongs to another project.`);
  }
  const changes = differences(declaration, current);
  const { revision } = current.meta;
  if (changes.length === 0) return { result: "unchanged", changes, revision };
  if (ROUTES[kind].update === undefined) {
    throw new SkerryError(
      "unsupported",
      `${place}: ${kind} ${name} is there and differs, and a ${kind} cannot be changed.`,
    );
  }
  return { result: "updated", changes, revision };
}

/**
 * What the cloud refuses although each declaration is right by itself. `made`: projects that come into being before.
 * @throws `conflict/precondition` (it has changed since it was read), `not_found` (the project).
 */
export async function assertApplicable(
  { kind, name, place, project, revision }: Declaration,
  plan: Plan,
  made: ReadonlySet<string>,
  { client, signal }: { readonly client: Client; readonly signal: AbortSignal },
): Promise<void> {
  if (plan.result === "updated" && revision !== undefined && revision !== plan.revision) {
    throw new SkerryError(
      "conflict/precondition",
      `${place}: ${kind} ${name} has changed: it is at revision ${plan.revision}, and this was read at ${revision}.`,
      { hint: `Read it again: skerry ${kind} get ${name} -o yaml` },
    );
  }
  if (plan.result !== "created" || project === undefined || made.has(project)) return;
  if (await projectExists(project, client, signal)) return;
  throw new SkerryError("not_found", `${place}: there is no project ${project}, or it is not yours to see.`, {
    hint: "skerry project ls shows those that are there.",
  });
}

async function projectExists(nameOrUid: string, client: Client, signal: AbortSignal): Promise<boolean> {
  if ((await found(client.call(projectRoutes.get, { params: { name: nameOrUid }, signal }))) !== undefined) return true;
  for await (const { meta } of client.items(projectRoutes.list, { signal })) if (meta.uid === nameOrUid) return true;
  return false;
}

async function found<T>(call: Promise<T>): Promise<T | undefined> {
  return call.catch((error: unknown) => {
    if (isError(error, "not_found")) return undefined;
    throw error;
  });
}

function wanted({ project, labels, spec }: Declaration): Record<string, unknown> {
  return { ...(project === undefined ? {} : { project }), ...(labels === undefined ? {} : { labels }), spec };
}

/** Labels are replaced as a whole when any are declared; of the spec, the fields that are declared. */
function differences({ labels, spec }: Declaration, current: Current): Change[] {
  const before = {
    ...(labels === undefined ? {} : { labels: current.meta.labels }),
    spec: Object.fromEntries(Object.keys(spec).map((field) => [field, current.spec[field]])),
  };
  return changesFrom(before, wanted({ labels, spec } as Declaration));
}

function changesFrom(before: Record<string, unknown>, after: Record<string, unknown>): Change[] {
  const [old, fresh] = [fieldsOf(before), fieldsOf(after)];
  const names = [...new Set([...old.keys(), ...fresh.keys()])].sort();
  return names.flatMap((field) => {
    const [from, to] = [old.get(field), fresh.get(field)];
    if (canonical(from) === canonical(to)) return [];
    return [
      { field, ...(from === undefined ? {} : { before: from }), ...(to === undefined ? {} : { after: to }) },
    ] satisfies Change[];
  });
}

/** Leaves by their path; a list is a leaf. */
function fieldsOf(value: unknown, path = "", into = new Map<string, unknown>()): Map<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    if (value !== undefined) into.set(path, value);
    return into;
  }
  for (const [name, part] of Object.entries(value)) fieldsOf(part, path === "" ? name : `${path}.${name}`, into);
  return into;
}

/** Text that is equal when the values are, whatever the order of their members. */
function canonical(value: unknown): string | undefined {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
