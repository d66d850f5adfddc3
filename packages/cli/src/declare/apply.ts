/** Makes what is declared so: creates, updates what differs, leaves what is so already. */
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import type { Declaration } from "./declaration.ts";
import { type Plan, planDeclaration, ROUTES } from "./plan.ts";

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
  /** Project of buckets that name none. */
  readonly project: string | undefined;
}

export async function applyDeclaration(declaration: Declaration, options: ApplyOptions): Promise<Applied> {
  const { kind, name } = declaration;
  const { result } = await planDeclaration(declaration, options.client, options.signal);
  if (result === "created") return create(declaration, options);
  if (result === "updated") await update(declaration, options);
  return { kind, name, result };
}

async function create(
  declaration: Declaration,
  { client, signal, project: inProject }: ApplyOptions,
): Promise<Applied> {
  const { kind, name, labels } = declaration;
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

async function update(declaration: Declaration, { client, signal }: ApplyOptions): Promise<void> {
  const { kind, name, labels, spec, revision } = declaration;
  const body = { spec, ...(labels === undefined ? {} : { labels }), ...(revision === undefined ? {} : { revision }) };
  await client.call(ROUTES[kind].update as never, { params: { name }, body: body as never, signal } as never);
}
