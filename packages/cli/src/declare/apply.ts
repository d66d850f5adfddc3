/** Makes what is declared so: creates, updates what differs, leaves what is so already. */
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { type Declaration, isOfProject } from "./declaration.ts";
import { addressOf, type Plan, planDeclaration, ROUTES } from "./plan.ts";

export interface Applied {
  readonly kind: string;
  readonly name: string;
  readonly result: Plan["result"];
  /** First password of a user that was created. */
  readonly password?: string;
}

export interface ApplyOptions {
  readonly client: Client;
  readonly signal: AbortSignal;
  /** Project of what belongs to one and names none. */
  readonly project: string | undefined;
}

export async function applyDeclaration(declaration: Declaration, options: ApplyOptions): Promise<Applied> {
  const { kind, name } = declaration;
  const { result } = await planDeclaration(declaration, options.client, options.signal, options.project);
  if (result === "created") return create(declaration, options);
  if (result === "updated") await update(declaration, options);
  return { kind, name, result };
}

async function create(
  declaration: Declaration,
  { client, signal, project: inProject }: ApplyOptions,
): Promise<Applied> {
  const { kind, name, labels } = declaration;
  const project = isOfProject(kind) ? (declaration.project ?? inProject) : undefined;
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

async function update(declaration: Declaration, { client, signal, project }: ApplyOptions): Promise<void> {
  const { kind, labels, spec, revision } = declaration;
  const body = { spec, ...(labels === undefined ? {} : { labels }), ...(revision === undefined ? {} : { revision }) };
  await client.call(ROUTES[kind].update as never, { ...addressOf(declaration, project), body, signal } as never);
}
