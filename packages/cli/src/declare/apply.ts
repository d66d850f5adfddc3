/** Makes what is declared so: creates, updates what differs, leaves what is so already. */
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { projectRoutes } from "@skerry/core/contract/api/project.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { isError, SkerryError } from "@skerry/core/contract/errors.ts";
import type { Route } from "@skerry/core/contract/route.ts";
import type { AnyResource } from "../commands/resource/descriptor.ts";
import type { Declaration, DeclaredKind } from "./declaration.ts";

export interface Applied {
  readonly kind: string;
  readonly name: string;
  readonly result: "created" | "updated" | "unchanged";
  /** First password of a user that was created. */
  readonly password?: string;
}

const ROUTES: Readonly<Record<DeclaredKind, { get: Route; create: Route; update?: Route }>> = {
  bucket: bucketRoutes as never,
  user: userRoutes as never,
  project: projectRoutes as never,
};

export interface ApplyOptions {
  readonly client: Client;
  readonly signal: AbortSignal;
  /** Says what would be done. */
  readonly dryRun: boolean;
  /** Project of buckets that name none. */
  readonly project: string | undefined;
}

export async function applyDeclaration(declaration: Declaration, options: ApplyOptions): Promise<Applied> {
  const { kind, name } = declaration;
  const { client, signal } = options;
  const current = await client
    .call(ROUTES[kind].get, { params: { name }, signal })
    .then((found) => found as unknown as AnyResource & { spec: Record<string, unknown> })
    .catch((error: unknown) => {
      if (isError(error, "not_found")) return undefined;
      throw error;
    });
  if (current === undefined) return create(declaration, options);
  if (
    declaration.project !== undefined &&
    ![current.meta.project, current.meta.projectName].includes(declaration.project)
  ) {
    throw new SkerryError("conflict", `${declaration.place}: ${kind} ${name} belongs to another project.`);
  }
  if (isSame(declaration, current)) return { kind, name, result: "unchanged" };
  return update(declaration, options);
}

function isSame(declaration: Declaration, current: AnyResource & { spec: Record<string, unknown> }): boolean {
  const { labels = current.meta.labels, spec } = declaration;
  const sameLabels = canonical(labels) === canonical(current.meta.labels);
  return (
    sameLabels && Object.entries(spec).every(([field, value]) => canonical(value) === canonical(current.spec[field]))
  );
}

async function create(
  declaration: Declaration,
  { client, signal, dryRun, project: inProject }: ApplyOptions,
): Promise<Applied> {
  const { kind, name, labels } = declaration;
  if (dryRun) return { kind, name, result: "created" };
  const project = kind === "bucket" ? (declaration.project ?? inProject) : undefined;
  // A user is not created disabled: that is a second step.
  const { disabled, ...spec } = declaration.spec;
  const body = {
    name,
    ...(project === undefined ? {} : { project }),
    ...(labels === undefined ? {} : { labels }),
    spec,
  };
  const answer = (await client.call(ROUTES[kind].create, { body: body as never, signal })) as
    | { password?: string }
    | undefined;
  if (kind === "user" && disabled === true) {
    await client.call(userRoutes.update, { params: { name }, body: { spec: { disabled } }, signal });
  }
  const password = kind === "user" ? answer?.password : undefined;
  return { kind, name, result: "created", ...(password === undefined ? {} : { password }) };
}

async function update(declaration: Declaration, { client, signal, dryRun }: ApplyOptions): Promise<Applied> {
  const { kind, name, labels, spec, revision, place } = declaration;
  const route = ROUTES[kind].update;
  if (route === undefined) {
    throw new SkerryError(
      "unsupported",
      `${place}: ${kind} ${name} is there and differs, and a ${kind} cannot be changed.`,
    );
  }
  if (dryRun) return { kind, name, result: "updated" };
  const body = { spec, ...(labels === undefined ? {} : { labels }), ...(revision === undefined ? {} : { revision }) };
  await client.call(route, { params: { name }, body: body as never, signal });
  return { kind, name, result: "updated" };
}

/** Text that is equal when the values are, whatever the order of their members. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
