/** Upstreams in the store. */
import { SkerryError } from "../../domain/errors.ts";
import { type Route, spokenWith, type UpstreamProtocol, type UpstreamTls } from "../../domain/gateway.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Clock, Random } from "../../domain/ports.ts";
import { assertName, CLOUD, newMeta, type Resource, resourceKey, touchMeta } from "../../domain/resource.ts";
import type { Entry, Json, Op, Store } from "../../domain/store.ts";
import { Turns } from "../../domain/turns.ts";
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

export interface NewUpstream extends UpstreamParts {
  readonly name: string;
  /** Uid and name of the project that it comes into. */
  readonly project: string;
  readonly projectName: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface UpstreamChange extends UpstreamParts {
  readonly labels?: Readonly<Record<string, string>>;
  /** Refuse when it has changed since. */
  readonly revision?: number;
}

const MAX_NAMED_ROUTES = 5;

export class UpstreamService {
  readonly #store: Store;
  readonly #world: { clock: Clock; random: Random };
  /** What one project changes goes one after another: it is counted. */
  readonly #turns = new Turns();

  constructor(options: { store: Store; clock: Clock; random: Random }) {
    this.#store = options.store;
    this.#world = options;
  }

  async find(project: string, name: string): Promise<UpstreamEntry | undefined> {
    const entry = await this.#store.get(resourceKey("upstream", project, name));
    return entry === undefined ? undefined : toUpstream(entry);
  }

  /** @throws `invalid`, `conflict/exists`, `exhausted/quota`, `not_found` (the project). */
  create(input: NewUpstream): Promise<UpstreamEntry> {
    return this.#turns.take(input.project, () => this.#create(input));
  }

  async #create(input: NewUpstream): Promise<UpstreamEntry> {
    const { name, project, labels } = input;
    assertName(name, "upstream");
    const meta = newMeta({ name, project, ...(labels === undefined ? {} : { labels }) }, this.#world);
    const upstream: UpstreamResource = { kind: "upstream", meta, spec: nextSpec({ backends: [] }, input) };
    const key = resourceKey("upstream", project, name);
    const owner = await this.#store.get(resourceKey("project", CLOUD, input.projectName));
    if (owner === undefined || !takesResources(owner, project)) throw noProject(input.projectName);
    if ((await this.#store.get(key)) !== undefined) throw nameTaken(name);
    await this.#assertRoom(project);
    const { succeeded, revision } = await this.#store.transact({
      compare: [
        { key, modRevision: 0 },
        { key: owner.key, modRevision: owner.modRevision },
      ],
      then: [put(key, upstream)],
    });
    if (succeeded) return { upstream, revision };
    if ((await this.#store.get(key)) === undefined) throw noProject(input.projectName);
    throw nameTaken(name);
  }

  /** @throws `invalid`, `not_found`, `conflict/precondition`. */
  update(project: string, name: string, change: UpstreamChange): Promise<UpstreamEntry> {
    return this.#turns.take(project, async () => {
      const { upstream: before, revision } = await this.#expect(project, name);
      if (change.revision !== undefined && change.revision !== revision) throw hasChanged(name);
      const meta = touchMeta(before.meta, this.#world.clock, change.labels);
      const upstream: UpstreamResource = { ...before, meta, spec: nextSpec(before.spec, change) };
      const key = resourceKey("upstream", project, name);
      const result = await this.#store.transact({
        compare: [{ key, modRevision: revision }],
        then: [put(key, upstream)],
      });
      if (result.succeeded) return { upstream, revision: result.revision };
      throw hasChanged(name);
    });
  }

  /** Gives the revision. `mayName`: who asks may know of the route. @throws `not_found`, `conflict` (routes lead to it). */
  delete(project: string, name: string, mayName: (route: Route) => boolean): Promise<number> {
    return this.#turns.take(project, async () => {
      const { revision } = await this.#expect(project, name);
      await this.#assertUnused(project, name, mayName);
      const key = resourceKey("upstream", project, name);
      const result = await this.#store.transact({
        compare: [{ key, modRevision: revision }],
        then: [{ op: "delete", key }],
      });
      if (result.succeeded) return result.revision;
      throw hasChanged(name);
    });
  }

  async #expect(project: string, name: string): Promise<UpstreamEntry> {
    const found = await this.find(project, name);
    if (found === undefined) throw new SkerryError("not_found", `There is no upstream ${name}.`);
    return found;
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
        if (route.spec.to !== `upstream/${name}`) continue;
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

  async #assertRoom(project: string): Promise<void> {
    const limit = LIMITS.gateway.maxUpstreamsPerProject;
    const { entries } = await this.#store.list({ prefix: `/upstream/${project}/`, limit });
    if (entries.length < limit) return;
    throw new SkerryError("exhausted/quota", `The project has ${limit} upstreams, the most that one may have.`, {
      hint: "Remove some first: skerry upstream rm NAME.",
    });
  }
}

export function toUpstream(entry: Entry): UpstreamEntry {
  return { upstream: entry.value as unknown as UpstreamResource, revision: entry.modRevision };
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

function put(key: string, upstream: UpstreamResource): Op {
  return { op: "put", key, value: upstream as unknown as Json, labels: upstream.meta.labels };
}

function takesResources(entry: Entry, uid: string): boolean {
  const { meta } = entry.value as unknown as Resource<unknown>;
  return meta.uid === uid && meta.deletingSince === undefined;
}

function noProject(name: string): SkerryError {
  return new SkerryError("not_found", `There is no project ${name}, or it is being deleted.`);
}

function nameTaken(name: string): SkerryError {
  return new SkerryError("conflict/exists", `There is an upstream ${name} already.`, {
    hint: `To change it: skerry upstream update ${name} --backend NAME=TO`,
    details: { field: "name" },
  });
}

function hasChanged(name: string): SkerryError {
  return new SkerryError("conflict/precondition", `The upstream ${name} has changed since you read it.`, {
    hint: "Read it again, and decide anew.",
  });
}
