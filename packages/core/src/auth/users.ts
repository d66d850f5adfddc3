/** Users. Each has a project of the same name, made and removed with it. */
import { SkerryError } from "../domain/errors.ts";
import { type Principal, ROLES, type Role, type User, type UserSpec } from "../domain/identity.ts";
import type { Clock, Random } from "../domain/ports.ts";
import { assertName, CLOUD, newMeta, type Resource, resourceKey, touchMeta } from "../domain/resource.ts";
import type { Compare, Op } from "../domain/store.ts";
import {
  type AuthContext,
  assertNotDeleting,
  assertRevision,
  commit,
  entriesUnder,
  getOwner,
  getStored,
  type ListInput,
  listPublic,
  notFound,
  projectKey,
  publicResource,
  putOf,
  type Stored,
  type StoredPage,
  storedOf,
  untilDone,
  userKey,
} from "./context.ts";
import { deleteUser } from "./deletion.ts";
import { assertMayGive, roleScopes } from "./grants.ts";
import { isEnabledAdmin, otherAdmin } from "./last-admin.ts";
import { assertPassword } from "./passwords.ts";
import { ownProjectRole } from "./roles.ts";
import { newPassword } from "./secrets.ts";

/** Words that stand for something else where users and projects are named. */
const RESERVED_NAMES: readonly string[] = ["anonymous", CLOUD];

/** @throws `invalid`. Users and projects share their names. */
export function assertFreeName(name: unknown, what: "user" | "project"): asserts name is string {
  assertName(name, what);
  if (!RESERVED_NAMES.includes(name)) return;
  throw new SkerryError("invalid", `${name} is reserved and cannot name a ${what}.`, { details: { field: "name" } });
}

function assertRole(role: unknown): asserts role is Role {
  if ((ROLES as readonly unknown[]).includes(role)) return;
  throw new SkerryError("invalid", `There is no role ${JSON.stringify(role)}, only ${ROLES.join(", ")}.`, {
    details: { field: "spec.role" },
  });
}

export interface NewUser {
  readonly name: string;
  /** Default: member. */
  readonly role?: Role;
  /** Absent: one is made and returned. */
  readonly password?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Who asks. A token with scopes gives only what they cover. Absent: the daemon itself. */
  readonly by?: Principal;
}

export interface UserChange {
  readonly role?: Role;
  readonly disabled?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  /** Refuse unless this is the revision of the last change. */
  readonly revision?: number;
  /** Who asks. A token with scopes gives only what they cover; taking needs nothing. Absent: the daemon itself. */
  readonly by?: Principal;
}

export interface PasswordChange {
  readonly name: string;
  readonly password: string;
  /** Needed when `by` is this user. */
  readonly current?: string;
  readonly by: Principal;
  readonly ip?: string;
}

export interface Users {
  /**
   * With the project of the same name and the binding, in one transaction. @throws `invalid` (name, role, password),
   * `conflict/exists` when a user or a project has the name, `forbidden` (a role beyond the token that asks),
   * `exhausted/overload`.
   */
  create(input: NewUser): Promise<{ readonly user: Stored<User>; readonly password?: string }>;
  /** Without the password hash, as all of these. @throws `not_found`. */
  get(name: string): Promise<Stored<User>>;
  /** By name or uid, from memory. */
  find(nameOrUid: string): User | undefined;
  list(input?: ListInput): Promise<StoredPage<User>>;
  /**
   * Disabling ends the sessions. @throws `invalid`, `not_found`, `conflict/precondition`, `conflict` for the last enabled
   * admin, `forbidden` (a higher role, or enabling, beyond the token that asks).
   */
  update(name: string, change: UserChange): Promise<Stored<User>>;
  /**
   * With project, sessions, tokens and bindings. @throws `not_found`, `conflict/precondition`, `conflict/not-empty` while
   * the project owns something, `conflict` for the last enabled admin.
   */
  delete(name: string, options?: { readonly revision?: number }): Promise<void>;
  /**
   * Ends all sessions of the user but the one that asks. @throws `invalid` (rule), `forbidden` (current password wrong or
   * missing; another's, who may more than the token that asks), `not_found`, `exhausted/rate` after too many wrong ones.
   */
  changePassword(change: PasswordChange): Promise<void>;
}

/** What creates a user: the resource, and the transaction that holds when neither name is taken. */
export function userCreation(
  input: { name: string; role: Role; passwordHash: string; labels?: Readonly<Record<string, string>> },
  world: { clock: Clock; random: Random },
): { user: User; projectUid: string; compare: Compare[]; then: Op[] } {
  const { name, role, passwordHash, labels } = input;
  const user: User = {
    kind: "user",
    meta: newMeta({ name, project: CLOUD, ...(labels === undefined ? {} : { labels }) }, world),
    spec: { role, disabled: false, passwordHash },
  };
  const project = {
    kind: "project",
    meta: newMeta({ name, project: CLOUD }, world),
    spec: { description: `Project of the user ${name}` },
  } as const;
  return {
    user,
    projectUid: project.meta.uid,
    compare: [
      { key: userKey(name), modRevision: 0 },
      { key: projectKey(name), modRevision: 0 },
    ],
    then: [
      putOf(userKey(name), user),
      putOf(projectKey(name), project),
      bindingPut({ project: project.meta.uid, user, role: ownProjectRole(role) }, world),
    ],
  };
}

/** Puts a new binding; its name is the user's. */
export function bindingPut(
  input: { project: string; user: User; role: "member" | "viewer" },
  world: { clock: Clock; random: Random },
) {
  const { project, user, role } = input;
  const meta = newMeta({ name: user.meta.name, project }, world);
  const binding: Resource<unknown> = { kind: "binding", meta, spec: { user: user.meta.uid, role } };
  return putOf(resourceKey("binding", project, user.meta.name), binding);
}

async function createUser(context: AuthContext, input: NewUser): ReturnType<Users["create"]> {
  const { name, role = "member", labels } = input;
  assertFreeName(name, "user");
  assertRole(role);
  // The project is not made yet: only scopes of any project cover it.
  assertMayGive(context, input.by, {
    what: `the role ${role} gives`,
    given: roleScopes(role, "*"),
    field: "spec.role",
  });
  const taken = new SkerryError("conflict/exists", `The name ${name} is taken by a user or a project.`);
  const made = input.password === undefined ? newPassword(context.random) : undefined;
  const password = made ?? input.password;
  assertPassword(password, name);
  if ((await context.store.get(projectKey(name))) !== undefined) throw taken;
  const passwordHash = await context.hasher.hash(password);
  // That took its time: who asks may have been revoked, or may less by now.
  input.by?.changed.throwIfAborted();
  const creation = userCreation({ name, role, passwordHash, ...(labels === undefined ? {} : { labels }) }, context);
  const revision = await commit(context, creation);
  if (revision === undefined) throw taken;
  const user = { resource: publicResource(creation.user), revision };
  return made === undefined ? { user } : { user, password: made };
}

/** A disabled user may nothing, so enabling gives all that the user may. @throws `forbidden`. */
function assertMayRaise(context: AuthContext, before: User, spec: UserSpec, projectUid: string, by?: Principal): void {
  const enabled = before.spec.disabled && !spec.disabled;
  assertMayGive(context, by, {
    what: enabled ? `the user ${before.meta.name} may when enabled` : `the role ${spec.role} gives`,
    given: [
      ...roleScopes(spec.role, projectUid),
      ...(enabled ? context.view.records.scopesOf({ ...before, spec }) : []),
    ],
    held: enabled ? [] : roleScopes(before.spec.role, projectUid),
    field: enabled ? "spec.disabled" : "spec.role",
  });
}

/** One attempt; undefined when something changed in between. */
async function tryUpdate(context: AuthContext, name: string, change: UserChange): Promise<Stored<User> | undefined> {
  const { user: stored, project } = await getOwner(context.store, name);
  const before = stored.resource;
  assertRevision(stored, change.revision);
  assertNotDeleting(before);
  const spec: UserSpec = {
    ...before.spec,
    role: change.role ?? before.spec.role,
    disabled: change.disabled ?? before.spec.disabled,
  };
  const projectUid = project.resource.meta.uid;
  assertMayRaise(context, before, spec, projectUid, change.by);
  const user: User = { ...before, spec, meta: touchMeta(before.meta, context.clock, change.labels) };
  const compare: Compare[] = [{ key: userKey(name), modRevision: stored.revision }];
  const then: Op[] = [putOf(userKey(name), user)];
  if (isEnabledAdmin(before) && !isEnabledAdmin(user)) compare.push(await otherAdmin(context.store, before));
  if (ownProjectRole(spec.role) !== ownProjectRole(before.spec.role)) {
    then.push(bindingPut({ project: projectUid, user, role: ownProjectRole(spec.role) }, context));
  }
  if (spec.disabled && !before.spec.disabled) then.push({ op: "delete-prefix", prefix: `/session/${projectUid}/` });
  const revision = await commit(context, { compare, then });
  return revision === undefined ? undefined : { resource: publicResource(user), revision };
}

/** @throws `forbidden`, and `exhausted/rate` after as many wrong ones as at the login. */
async function assertCurrentPassword(context: AuthContext, user: User, change: PasswordChange): Promise<void> {
  const wrong = (message: string) => new SkerryError("forbidden", message, { details: { field: "current" } });
  if (change.current === undefined) throw wrong("Changing your own password needs the current one.");
  const attempt = context.loginLimits.begin(user.meta.name, change.ip);
  let right = false;
  try {
    right = await context.hasher.verify(user.spec.passwordHash ?? context.hasher.nobodysHash, change.current);
  } catch (error) {
    attempt.forgive();
    throw error;
  }
  if (!right) throw wrong("The current password is wrong.");
  attempt.forgive();
}

async function changePassword(context: AuthContext, change: PasswordChange): Promise<void> {
  const { name, password, by } = change;
  const asked = await getStored<User>(context.store, "user", CLOUD, name);
  const isOwn = by.userUid === asked.resource.meta.uid;
  if (isOwn) await assertCurrentPassword(context, asked.resource, change);
  else assertMaySetPassword(context, asked.resource, by);
  assertPassword(password, name);
  const passwordHash = await context.hasher.hash(password);
  const { revision, projectUid } = await untilDone(async () => {
    const { user: stored, project } = await getOwner(context.store, name);
    // Deleted and made again in the meantime, or changed by someone else: what was verified does not hold any more.
    if (stored.resource.meta.uid !== asked.resource.meta.uid) throw notFound("user", name);
    if (stored.resource.spec.passwordHash !== asked.resource.spec.passwordHash) {
      throw new SkerryError("conflict", "The password was changed at the same time.", { hint: "Try again." });
    }
    // The hash took its time: the user may be mightier by now, who asks may less or be revoked.
    by.changed.throwIfAborted();
    if (!isOwn) assertMaySetPassword(context, stored.resource, by);
    const { put, compare } = withPassword(stored, passwordHash, context.clock);
    const projectUid = project.resource.meta.uid;
    const then = [put, ...(await endsOfSessions(context, projectUid, by))];
    const revision = await commit(context, { compare: [compare], then });
    return revision === undefined ? undefined : { revision, projectUid };
  });
  // A login with the password before may have opened one after they were listed; none can any more.
  const late = await endsOfSessions(context, projectUid, by, revision);
  if (late.length > 0) await commit(context, { then: late });
}

/** Whoever knows the password may all that its user may. @throws `forbidden`, `unauthenticated`. */
function assertMaySetPassword(context: AuthContext, user: User, by: Principal): void {
  const given = context.view.records.scopesOf(user);
  assertMayGive(context, by, { what: `the user ${user.meta.name} may`, given, field: "password" });
}

/** For all sessions in the project but the one that asks; `before`: that were opened before this revision. */
async function endsOfSessions(
  context: AuthContext,
  projectUid: string,
  by: Principal,
  before = Number.POSITIVE_INFINITY,
): Promise<Op[]> {
  const ends: Op[] = [];
  for await (const entry of entriesUnder(context.store, `/session/${projectUid}/`)) {
    const { uid } = storedOf<Resource<unknown>>(entry).resource.meta;
    if (uid !== by.credential?.uid && entry.createRevision < before) ends.push({ op: "delete", key: entry.key });
  }
  return ends;
}

export function withPassword(stored: Stored<User>, passwordHash: string, clock: Clock) {
  const { resource } = stored;
  const key = userKey(resource.meta.name);
  const user: User = { ...resource, meta: touchMeta(resource.meta, clock), spec: { ...resource.spec, passwordHash } };
  return { put: putOf(key, user), compare: { key, modRevision: stored.revision } };
}

export function createUsers(context: AuthContext): Users {
  const { store, view } = context;
  return {
    create: (input) => createUser(context, input),
    get: async (name) => {
      const { resource, revision } = await getStored<User>(store, "user", CLOUD, name);
      return { resource: publicResource(resource), revision };
    },
    find: (nameOrUid) => {
      const user = view.records.userNamed(nameOrUid) ?? view.records.user(nameOrUid);
      return user === undefined ? undefined : publicResource(user);
    },
    list: (input = {}) => listPublic<User>(store, `/user/${CLOUD}/`, input),
    update: async (name, change) => {
      if (change.role !== undefined) assertRole(change.role);
      return untilDone(() => tryUpdate(context, name, change));
    },
    delete: (name, options = {}) => deleteUser(context, name, options.revision),
    changePassword: (change) => changePassword(context, change),
  };
}
