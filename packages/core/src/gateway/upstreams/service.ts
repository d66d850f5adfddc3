/** Upstreams in the store. */
import { SkerryError } from "../../domain/errors.ts";
import { type Route, spokenWith, type UpstreamProtocol, type UpstreamTls } from "../../domain/gateway.ts";
import { LIMITS } from "../../domain/limits.ts";
import { upstreamsIn } from "../../domain/route-split.ts";
import type { Entry, Store } from "../../domain/store.ts";
import { type CareChange, checkCare, withCare } from "../../domain/upstream-care.ts";
import {
  assertBackendsFit,
  type BackendSpec,
  type BalanceText,
  canonicalBalance,
  canonicalSticky,
  type StickyText,
  type UpstreamResource,
  type UpstreamSpec,
} from "../../domain/upstreams.ts";
import { isPassedOn } from "../http1/request-head.ts";
import {
  type ChangeInProject,
  type Found,
  found,
  type KindRules,
  type NewInProject,
  ProjectResources,
  type ProjectResourcesOptions,
} from "../project-resources.ts";
import { checkUpstreamTls } from "../tls/upstream-rules.ts";

export interface UpstreamEntry {
  readonly upstream: UpstreamResource;
  readonly revision: number;
}

/** What is said of an upstream. Absent: as it is; null: not any more. */
export interface UpstreamParts {
  /** Canonical. */
  readonly backends?: readonly BackendSpec[];
  readonly balance?: BalanceText;
  readonly sticky?: StickyText | null;
  readonly protocol?: UpstreamProtocol;
  /** Not checked yet. */
  readonly upstreamTls?: UpstreamTls | null;
  /** Not checked yet. */
  readonly care?: CareChange;
}

export interface NewUpstream extends UpstreamParts, NewInProject {}

export interface UpstreamChange extends UpstreamParts, ChangeInProject {}

const MAX_NAMED_ROUTES = 5;

const RULES: KindRules = {
  kind: "upstream",
  mostOfProject: LIMITS.gateway.maxUpstreamsPerProject,
  takenHint: (name) => `To change it: skerry upstream update ${name} --backend NAME=TO`,
};

export class UpstreamService {
  readonly #store: Store;
  readonly #upstreams: ProjectResources<UpstreamResource>;

  constructor(options: ProjectResourcesOptions) {
    this.#store = options.store;
    this.#upstreams = new ProjectResources(RULES, options);
  }

  async find(project: string, name: string): Promise<UpstreamEntry | undefined> {
    const entry = await this.#upstreams.find(project, name);
    return entry && named(entry);
  }

  /** @throws `invalid`, `conflict/exists`, `exhausted/quota`, `not_found` (the project). */
  async create(input: NewUpstream): Promise<UpstreamEntry> {
    const make = (meta: UpstreamResource["meta"]): UpstreamResource => ({
      kind: "upstream",
      meta,
      spec: nextSpec({ backends: [] }, input),
    });
    return named(await this.#upstreams.create(input, make));
  }

  /** @throws `invalid`, `not_found`, `conflict/precondition`. */
  async update(project: string, name: string, change: UpstreamChange): Promise<UpstreamEntry> {
    const next = (before: UpstreamResource, meta: UpstreamResource["meta"]): UpstreamResource => ({
      ...before,
      meta,
      spec: nextSpec(before.spec, change),
    });
    return named(await this.#upstreams.update(project, name, change, next));
  }

  /** Gives the revision. `mayName`: who asks may know of the route. @throws `not_found`, `conflict` (routes lead to it). */
  delete(project: string, name: string, mayName: (route: Route) => boolean): Promise<number> {
    return this.#upstreams.delete(project, name, () => this.#assertUnused(project, name, mayName));
  }

  /** A route that is made meanwhile says itself that it leads nowhere. */
  async #assertUnused(project: string, name: string, mayName: (route: Route) => boolean): Promise<void> {
    const names: string[] = [];
    let others = 0;
    let after: string | undefined;
    do {
      const page = await this.#store.list({ prefix: `/route/${project}/`, ...(after === undefined ? {} : { after }) });
      for (const { value } of page.entries) {
        const route = value as unknown as Route;
        if (!upstreamsIn(route.spec).includes(name)) continue;
        if (names.length < MAX_NAMED_ROUTES && mayName(route)) names.push(route.meta.name);
        else others++;
      }
      after = page.next;
    } while (after !== undefined);
    if (names.length + others === 0) return;
    const more = others === 0 ? [] : [names.length === 0 ? `${others} of the project` : `${others} more`];
    throw new SkerryError("conflict", `Routes lead to the upstream ${name}: ${[...names, ...more].join(", ")}.`, {
      hint: `Lead them elsewhere first: skerry route update ${names[0] ?? "NAME"} --to ...`,
      details: { routes: names },
    });
  }
}

export function toUpstream(entry: Entry): UpstreamEntry {
  return named(found(entry));
}

function named({ resource: upstream, revision }: Found<UpstreamResource>): UpstreamEntry {
  return { upstream, revision };
}

/** @throws `invalid`. */
function nextSpec(before: UpstreamSpec, said: UpstreamParts): UpstreamSpec {
  const balance = said.balance === undefined ? before.balance : canonicalBalance(said.balance);
  const sticky = said.sticky === undefined ? before.sticky : said.sticky && canonicalSticky(said.sticky);
  if (balance?.on === "header") assertSeen(balance.name, "balance");
  if (sticky?.by === "header") assertSeen(sticky.name, "sticky");
  const upstreamTls =
    said.upstreamTls === undefined ? before.upstreamTls : said.upstreamTls && checkUpstreamTls(said.upstreamTls);
  const spec: UpstreamSpec = {
    backends: said.backends ?? before.backends,
    ...(balance && { balance }),
    ...(sticky && { sticky }),
    ...spokenWith(said.protocol ?? before.protocol),
    ...(upstreamTls && { upstreamTls }),
    ...withCare(before, checkCare(said.care ?? {})),
  };
  assertBackendsFit(spec);
  return spec;
}

/** @throws `invalid` for a header that the gateway takes out before it chooses. */
function assertSeen(header: string | undefined, field: string): void {
  if (header === undefined || isPassedOn(header)) return;
  throw new SkerryError(
    "invalid",
    `No backend is chosen by the header ${header}: the gateway takes it out, or reads it itself.`,
    {
      hint: "Choose a header of your own.",
      details: { field: `spec.${field}` },
    },
  );
}
