/** What the services of identity share: their world, transactions that are in force when they return, and reading. */
import { SkerryError } from "../domain/errors.ts";
import type { Project, User } from "../domain/identity.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock, Random } from "../domain/ports.ts";
import { CLOUD, type Kind, type Resource, resourceKey } from "../domain/resource.ts";
import type { Entry, Json, Selector, Store, Transaction } from "../domain/store.ts";
import type { Logger, Metrics } from "../domain/telemetry.ts";
import type { LastUsed } from "./last-used.ts";
import type { LoginLimits } from "./login-limits.ts";
import type { PasswordHasher } from "./passwords.ts";
import type { Principals } from "./principals.ts";
import type { AuthView } from "./view.ts";

export interface AuthContext {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly hasher: PasswordHasher;
  readonly view: AuthView;
  readonly principals: Principals;
  readonly lastUsed: LastUsed;
  readonly loginLimits: LoginLimits;
  /** Whether the project owns nothing that must go first, e.g. buckets. */
  readonly projectIsEmpty: (projectUid: string) => Promise<boolean>;
  /** Takes away what the project has left elsewhere, when it owns nothing any more. @throws what keeps it from that. */
  readonly releaseProject: (projectUid: string) => Promise<void>;
}

/** A resource with the revision of its last change. */
export interface Stored<R> {
  readonly resource: R;
  readonly revision: number;
}

export interface ListInput {
  /** At most and by default `LIMITS.store.maxPageEntries`. */
  readonly limit?: number;
  /** `next` of the page before, with its `revision`. */
  readonly after?: string;
  readonly revision?: number;
  readonly selector?: Selector;
}

export interface StoredPage<R> {
  readonly items: readonly Stored<R>[];
  readonly revision: number;
  readonly next?: string;
}

export const userKey = (name: string): string => resourceKey("user", CLOUD, name);
export const projectKey = (name: string): string => resourceKey("project", CLOUD, name);

/** The resource as anyone may see it who may read it: without password and secret hashes, and without who made a token. */
export function publicResource<R extends Resource<unknown>>(resource: R): R {
  const {
    passwordHash: _password,
    secretHash: _secret,
    madeBy: _maker,
    ...spec
  } = resource.spec as Record<string, unknown>;
  return { ...resource, spec };
}

export function storedOf<R extends Resource<unknown>>(entry: Entry): Stored<R> {
  return { resource: entry.value as unknown as R, revision: entry.modRevision };
}

export function publicOf<R extends Resource<unknown>>(entry: Entry): Stored<R> {
  const { resource, revision } = storedOf<R>(entry);
  return { resource: publicResource(resource), revision };
}

export function putOf(key: string, resource: Resource<unknown>) {
  return { op: "put", key, value: resource as unknown as Json, labels: resource.meta.labels } as const;
}

/** Lists what may be shown. @throws as `Store.list`. */
export async function listPublic<R extends Resource<unknown>>(
  store: Store,
  prefix: string,
  input: ListInput,
): Promise<StoredPage<R>> {
  const page = await store.list({ prefix, ...input });
  return {
    items: page.entries.map((entry) => publicOf<R>(entry)),
    revision: page.revision,
    ...(page.next === undefined ? {} : { next: page.next }),
  };
}

/** Every entry under the prefix, page by page at one revision. */
export async function* entriesUnder(store: Store, prefix: string): AsyncGenerator<Entry> {
  let after: string | undefined;
  let revision: number | undefined;
  do {
    const page = await store.list({
      prefix,
      ...(after === undefined ? {} : { after }),
      ...(revision === undefined ? {} : { revision }),
    });
    yield* page.entries;
    revision = page.revision;
    after = page.next;
  } while (after !== undefined);
}

export function notFound(kind: Kind, name: string): SkerryError {
  return new SkerryError("not_found", `There is no ${kind} ${name}, or it is not yours to see.`, {
    hint: `skerry ${kind} ls shows those that you may see.`,
  });
}

/** @throws `not_found`. */
export async function getStored<R extends Resource<unknown>>(
  store: Store,
  kind: Kind,
  project: string,
  name: string,
): Promise<Stored<R>> {
  const entry = await store.get(resourceKey(kind, project, name));
  if (entry === undefined) throw notFound(kind, name);
  return storedOf<R>(entry);
}

export interface Owner {
  readonly user: Stored<User>;
  /** The project of the same name. */
  readonly project: Stored<Project>;
}

/** A user with the own project. @throws `not_found`. */
export async function getOwner(store: Store, name: string): Promise<Owner> {
  const [user, project] = await Promise.all([
    getStored<User>(store, "user", CLOUD, name),
    getStored<Project>(store, "project", CLOUD, name),
  ]);
  return { user, project };
}

/** @throws `conflict` when it is being removed. */
export function assertNotDeleting(resource: Resource<unknown>): void {
  if (resource.meta.deletingSince === undefined) return;
  throw new SkerryError("conflict", `The ${resource.kind} ${resource.meta.name} is being deleted.`);
}

/** @throws `conflict/precondition` when the caller has seen another revision than the newest. */
export function assertRevision(stored: Stored<Resource<unknown>>, revision: number | undefined): void {
  if (revision === undefined || revision === stored.revision) return;
  const { kind, meta } = stored.resource;
  throw new SkerryError("conflict/precondition", `The ${kind} ${meta.name} has changed since revision ${revision}.`, {
    hint: "Read it again and repeat the change on what is there now.",
    details: { revision: stored.revision },
  });
}

/**
 * Commits, and when the compares held waits until the view shows it: what the transaction revokes is refused, what it gives
 * is given when this returns. Resolves to whether the compares held. @throws what the store throws, `unavailable/timeout`.
 */
export async function commit(
  context: Pick<AuthContext, "store" | "view">,
  transaction: Transaction,
): Promise<number | undefined> {
  const result = await context.store.transact(transaction);
  if (!result.succeeded) return undefined;
  await context.view.settled(result.revision, transaction.then);
  return result.revision;
}

/** Repeats `attempt` while it finds that something changed under it (undefined). @throws `conflict` after too many. */
export async function untilDone<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < LIMITS.auth.maxTransactionAttempts; tries++) {
    const done = await attempt();
    if (done !== undefined) return done;
  }
  throw new SkerryError("conflict", "Others kept changing the same things at the same time.", { hint: "Try again." });
}
