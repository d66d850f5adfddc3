/** Makes what is declared so: creates, updates what differs, leaves what is so already. */
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import { isError, toSkerryError } from "@skerry/core/contract/errors.ts";
import type { Route } from "@skerry/core/contract/route.ts";
import { reword } from "../output/reword.ts";
import type { Declaration } from "./declaration.ts";
import { DECLARED_KINDS, KIND_RULES } from "./kinds.ts";
import { addressOf, assertApplicable, type Place, type Plan, planDeclaration } from "./plan.ts";

/** A declaration, and what applying it does. */
export interface Step {
  readonly declaration: Declaration;
  readonly plan: Plan;
  /** Comes into being before and is needed by it, so that the cloud could not be asked about it: `bucket/site`. */
  readonly waitsFor?: string;
}

/**
 * What would be done, in the order in which it would: the cloud is asked about each, and nothing is changed.
 * @throws what the first that is refused would be refused with.
 */
export async function planAll(declarations: readonly Declaration[], place: Place): Promise<readonly Step[]> {
  const order = (one: Declaration) => DECLARED_KINDS.indexOf(one.kind);
  const sorted = [...declarations].sort((a, b) => order(a) - order(b));
  const made = new Made();
  const steps: Step[] = [];
  for (const one of sorted) {
    const plan = await planDeclaration(one, place);
    // Where it would go when it names no project.
    const placed = KIND_RULES[one.kind].ofProject && place.project !== undefined && plan.result === "created";
    const declaration = placed ? { project: place.project, ...one } : one;
    await assertApplicable(declaration, plan, made.projects, place);
    const waitsFor = made.neededBy(declaration);
    if (waitsFor === undefined) await rehearse(declaration, plan, place, made);
    if (plan.result === "created") made.add(declaration);
    steps.push({ declaration, plan, ...(waitsFor === undefined ? {} : { waitsFor }) });
  }
  return steps;
}

/** What comes into being before. The cloud knows nothing of it while it is only asked. */
class Made {
  readonly projects = new Set<string>();
  readonly #users = new Set<string>();
  readonly #others = new Set<string>();

  add({ kind, name, project }: Declaration): void {
    // A user comes with a project of the same name.
    if (kind === "user") this.#users.add(name);
    if (kind === "project" || kind === "user") this.projects.add(name);
    else this.#others.add(kind === "bucket" ? `bucket/${name}` : `${kind}/${project ?? ""}/${name}`);
  }

  /** Into what is not there yet nobody may anything, and nothing leads to it. */
  neededBy({ kind, name, project, spec }: Declaration): string | undefined {
    if (project !== undefined && this.projects.has(project)) return `project/${project}`;
    if (kind === "binding" && this.#users.has(name)) return `user/${name}`;
    const target = kind === "route" ? String(spec["to"]) : "";
    return this.#others.has(target) ? target : undefined;
  }

  has(kind: "volume" | "network", name: string, project: string | undefined): boolean {
    return this.#others.has(`${kind}/${project ?? ""}/${name}`);
  }
}

async function rehearse(declaration: Declaration, plan: Plan, place: Place, made: Made): Promise<void> {
  const call = (route: Route, input: Partial<Omit<Request, "route">>) =>
    place.client.call(route, { ...input, query: { ...input.query, dryRun: "1" }, signal: place.signal } as never);
  const { result } = plan;
  if (result === "unchanged") return;
  if (result === "updated") {
    const { route, ...input } = updateOf(declaration, plan, place.project);
    await call(route, input);
    return;
  }
  const { route, ...input } = createOf(declaration, plan, place.project);
  const body = declaration.kind === "container" ? withoutMade(input.body, declaration, place, made) : input.body;
  if (result === "created") {
    await call(route, { ...input, body });
    return;
  }
  await call(KIND_RULES[declaration.kind].delete, addressOf(declaration, place.project));
  try {
    await call(route, { ...input, body });
  } catch (error) {
    // That is looked at last, and will not be so any more; nor will the project be full.
    if (!isError(error, "conflict/exists") && !isError(error, "exhausted/quota")) throw error;
  }
}

/** Volumes and a network that will be there by then are no reason to refuse it. */
function withoutMade(body: Body, declaration: Declaration, place: Place, made: Made): Body {
  const { volumes, network, ...spec } = body["spec"] as ContainerParts;
  const project = declaration.project ?? place.project;
  const there = (volumes ?? []).filter(({ name }) => !made.has("volume", name, project));
  const isThere = network !== undefined && !made.has("network", network, project);
  return { ...body, spec: { ...spec, volumes: there, ...(isThere ? { network } : {}) } };
}

interface ContainerParts {
  readonly volumes?: readonly { readonly name: string }[];
  readonly network?: string;
}

export interface Applied {
  readonly kind: string;
  readonly name: string;
  readonly result: Plan["result"];
  /** First password of a user that was created. */
  readonly password?: string;
}

/** @throws what the cloud refuses it with. */
export async function applyStep({ declaration, plan }: Step, place: Place): Promise<Applied> {
  const { kind, name, spec } = declaration;
  const { client, signal } = place;
  const { result } = plan;
  const send = ({ route, ...input }: Request) => client.call(route, { ...input, signal } as never);
  if (result === "unchanged") return { kind, name, result };
  if (result === "updated") {
    await send(updateOf(declaration, plan, place.project));
    return { kind, name, result };
  }
  if (result === "replaced") return replace(declaration, plan, place);
  const answer = (await send(createOf(declaration, plan, place.project))) as { password?: string } | undefined;
  // A user is not created disabled: that is a second step.
  if (kind === "user" && spec["disabled"] === true) {
    await client.call(userRoutes.update, { params: { name }, body: { spec: { disabled: true } }, signal });
  }
  const password = kind === "user" ? answer?.password : undefined;
  return { kind, name, result, ...(password === undefined ? {} : { password }) };
}

async function replace(declaration: Declaration, plan: Plan, { client, signal, project }: Place): Promise<Applied> {
  const { kind, name, place } = declaration;
  await client.call(KIND_RULES[kind].delete, { ...addressOf(declaration, project), signal });
  const { route, ...input } = createOf(declaration, plan, project);
  try {
    await client.call(route, { ...input, signal } as never);
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    const error = toSkerryError(thrown);
    throw reword(error, {
      message: `${place}: ${kind} ${name} was removed and not made anew: ${error.message}`,
      hint: [error.hint, "Then apply again: it is created."].filter((line) => line !== undefined).join("\n"),
    });
  }
  return { kind, name, result: "replaced" };
}

type Body = Readonly<Record<string, unknown>>;
interface Request {
  readonly route: Route;
  readonly params?: { readonly name: string };
  readonly query?: Readonly<Record<string, string>>;
  readonly body: Body;
}

function updateOf(declaration: Declaration, plan: Plan, inProject: string | undefined): Request {
  const { kind, labels, revision } = declaration;
  const { update, createChanges } = KIND_RULES[kind];
  if (createChanges === true) return createOf(declaration, plan, inProject);
  if (update === undefined) throw new Error(`a ${kind} has no update`);
  const body = {
    spec: plan.spec,
    ...(labels === undefined ? {} : { labels }),
    ...(revision === undefined ? {} : { revision }),
  };
  return { route: update, ...addressOf(declaration, inProject), body };
}

function createOf(declaration: Declaration, plan: Plan, inProject: string | undefined): Request {
  const { kind, name } = declaration;
  const { create, hasNoSpec, ofProject } = KIND_RULES[kind];
  // When it is made anew: those that it had, unless others are declared.
  const labels = declaration.labels ?? plan.current?.meta.labels;
  const project = ofProject ? (declaration.project ?? inProject) : undefined;
  if (kind === "binding") return { route: create, body: { user: name, project, ...plan.spec } };
  const { disabled, ...created } = plan.spec;
  return {
    route: create,
    body: {
      name,
      ...(project === undefined ? {} : { project }),
      ...(labels === undefined ? {} : { labels }),
      ...(hasNoSpec === true ? {} : { spec: kind === "user" ? created : plan.spec }),
    },
  };
}
