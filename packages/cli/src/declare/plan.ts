/** What a declaration would change, against what is there now. Applying does what the plan says; a dry run shows it. */
import { projectRoutes } from "@skerry/core/contract/api/project.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { isError, SkerryError } from "@skerry/core/contract/errors.ts";
import { schemasOf } from "@skerry/core/contract/routes.ts";
import type { AnyResource } from "../commands/resource/descriptor.ts";
import type { Declaration } from "./declaration.ts";
import { type Change, differences, fieldsAdded } from "./differences.ts";
import { KIND_RULES } from "./kinds.ts";

type Current = AnyResource & { readonly spec: Readonly<Record<string, unknown>> };

export interface Plan {
  /** `replaced`: removed and created anew, since what differs cannot be changed. */
  readonly result: "created" | "updated" | "replaced" | "unchanged";
  /** Empty when nothing changes, else at least one unless an empty thing is created. */
  readonly changes: readonly Change[];
  /** What is sent: the fields of the spec that differ, or all of them for what is created. */
  readonly spec: Readonly<Record<string, unknown>>;
  /** What is there. */
  readonly current?: Current;
}

export interface Place {
  readonly client: Client;
  readonly signal: AbortSignal;
  /** Project of what belongs to one and names none. */
  readonly project: string | undefined;
}

/** How one is asked for that is there already. `inProject`: where it is looked for when the declaration names none. */
export function addressOf({ kind, name, project }: Declaration, inProject: string | undefined) {
  const where = KIND_RULES[kind].namedByProject ? (project ?? inProject) : undefined;
  return { params: { name }, query: where === undefined ? {} : { project: where } };
}

/** @throws `conflict` (of another project), `unsupported` (differs, and cannot be changed), and what reading throws. */
export async function planDeclaration(declaration: Declaration, { client, signal, project }: Place): Promise<Plan> {
  const { kind, name, labels, spec, place } = declaration;
  const current = await whatIsThere(declaration, { client, signal, project });
  const { secret = [] } = KIND_RULES[kind];
  const secrets = Object.fromEntries(secret.flatMap((field) => (field in spec ? [[field, spec[field]]] : [])));
  const shown = Object.fromEntries(Object.entries(spec).filter(([field]) => !(field in secrets)));
  if (current === undefined) {
    return { result: "created", changes: fieldsAdded({ ...declaration, spec: shown }), spec };
  }
  const named = declaration.project;
  if (named !== undefined && ![current.meta.project, current.meta.projectName].includes(named)) {
    throw new SkerryError("conflict", `${place}: ${kind} ${name} belongs to another project.`);
  }
  const found = differences({ ...declaration, spec: shown }, current.meta.labels, current.spec);
  const { changes } = found;
  const changed = Object.keys(found.changed).length === 0 ? found.changed : { ...found.changed, ...secrets };
  if (changes.length === 0) return { result: "unchanged", changes, spec: {}, current };
  const { update, replaceable, createChanges } = KIND_RULES[kind];
  if (createChanges === true) return { result: "updated", changes, spec, current };
  const body = { spec: changed, ...(labels === undefined ? {} : { labels }) };
  if (update !== undefined && schemasOf(update).body?.safeParse(body).success)
    return { result: "updated", changes, spec: changed, current };
  // A route's host stays; the cloud says so, and what to do.
  if (update !== undefined && !replaceable) return { result: "updated", changes, spec: changed, current };
  if (replaceable) return { result: "replaced", changes, spec: inFull(current, declaration), current };
  throw new SkerryError(
    "unsupported",
    `${place}: ${kind} ${name} is there and differs, and a ${kind} cannot be changed.`,
    { hint: `Take the change back, or give it another name. What is there: skerry ${kind} get ${name} -o yaml` },
  );
}

async function whatIsThere(declaration: Declaration, { client, signal, project }: Place): Promise<Current | undefined> {
  const { get, list } = KIND_RULES[declaration.kind];
  const { params, query } = addressOf(declaration, project);
  if (get !== undefined) return (await found(client.call(get, { params, query, signal }))) as Current | undefined;
  const look = async () => {
    for await (const item of client.items(list, { query, signal })) {
      if ((item as Current).meta.name === params.name) return item as Current;
    }
    return undefined;
  };
  return await found(look());
}

/** What is not declared stays as it is, also when it is made anew. */
function inFull({ spec }: Current, declaration: Declaration): Record<string, unknown> {
  const { imageId: _, ...declared } = spec;
  return { ...declared, ...declaration.spec };
}

/**
 * What the cloud refuses although each declaration is right by itself. `made`: projects that come into being before.
 * @throws `conflict/precondition` (it has changed since it was read), `not_found` (the project).
 */
export async function assertApplicable(
  { kind, name, place, project, revision }: Declaration,
  plan: Plan,
  made: ReadonlySet<string>,
  { client, signal }: Place,
): Promise<void> {
  const now = plan.current?.meta.revision;
  if (plan.result !== "unchanged" && now !== undefined && revision !== undefined && revision !== now) {
    throw new SkerryError(
      "conflict/precondition",
      `${place}: ${kind} ${name} has changed: it is at revision ${now}, and this was read at ${revision}.`,
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
