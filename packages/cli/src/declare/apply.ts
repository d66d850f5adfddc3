/** Makes what is declared so: creates, updates what differs, leaves what is so already. */
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import type { Route } from "@skerry/core/contract/route.ts";
import { schemasOf } from "@skerry/core/contract/routes.ts";
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
  const { kind, name, spec } = declaration;
  const { client, signal } = options;
  const { result } = await planDeclaration(declaration, client, signal, options.project);
  const change = changeOf(declaration, result, options.project);
  if (change === undefined) return { kind, name, result };
  const { route, ...input } = change;
  const answer = (await client.call(route, { ...input, signal } as never)) as { password?: string } | undefined;
  if (result === "updated") return { kind, name, result };
  // A user is not created disabled: that is a second step.
  if (kind === "user" && spec["disabled"] === true) {
    await client.call(userRoutes.update, { params: { name }, body: { spec: { disabled: true } }, signal });
  }
  const password = kind === "user" ? answer?.password : undefined;
  return { kind, name, result, ...(password === undefined ? {} : { password }) };
}

/**
 * Asks whether one may make the change, which is not made. Nothing is asked where a route has no dry run.
 * @throws what the cloud refuses it with.
 */
export async function rehearse(declaration: Declaration, result: Plan["result"], options: ApplyOptions): Promise<void> {
  const change = changeOf(declaration, result, options.project);
  if (change === undefined || !schemasOf(change.route).query.safeParse(DRY_RUN).success) return;
  const { route, ...input } = change;
  const query = { ...input.query, ...DRY_RUN };
  await options.client.call(route, { ...input, query, signal: options.signal } as never);
}

const DRY_RUN = { dryRun: "1" };

interface Request {
  readonly route: Route;
  readonly params?: { readonly name: string };
  readonly query?: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What is sent to make it so. */
function changeOf(
  declaration: Declaration,
  result: Plan["result"],
  inProject: string | undefined,
): Request | undefined {
  const { kind, name, labels, spec, revision } = declaration;
  const { create, update } = ROUTES[kind];
  const withLabels = labels === undefined ? {} : { labels };
  if (result === "updated" && update !== undefined) {
    const body = { spec, ...withLabels, ...(revision === undefined ? {} : { revision }) };
    return { route: update, ...addressOf(declaration, inProject), body };
  }
  if (result !== "created") return undefined;
  const project = isOfProject(kind) ? (declaration.project ?? inProject) : undefined;
  const { disabled, ...created } = spec;
  const body = { name, ...(project === undefined ? {} : { project }), ...withLabels };
  return { route: create, body: { ...body, spec: kind === "user" ? created : spec } };
}
