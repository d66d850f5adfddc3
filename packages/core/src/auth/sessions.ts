/** Logging in with name and password, and what comes of it. */
import { SkerryError } from "../domain/errors.ts";
import type { Project, User } from "../domain/identity.ts";
import { LIMITS } from "../domain/limits.ts";
import { CLOUD, isName, isUid, newMeta, resourceKey } from "../domain/resource.ts";
import type { Entry, Op } from "../domain/store.ts";
import { Turns } from "../domain/turns.ts";
import {
  type AuthContext,
  commit,
  entriesUnder,
  getStored,
  type ListInput,
  listPublic,
  notFound,
  publicOf,
  publicResource,
  putOf,
  type Stored,
  type StoredPage,
  storedOf,
  untilDone,
  userKey,
} from "./context.ts";
import type { Session } from "./records.ts";
import { newSecret } from "./secrets.ts";

export interface Login {
  readonly name: string;
  readonly password: string;
  /** Undefined over the unix socket. */
  readonly ip?: string;
}

export interface LoggedIn {
  /** `sks_...`: shown once. */
  readonly bearer: string;
  readonly session: Stored<Session>;
  readonly user: User;
}

export interface Sessions {
  /**
   * A session of 24 hours; beyond `LIMITS.auth.maxSessionsPerUser` the oldest ends. @throws `unauthenticated` (the same for
   * an unknown name, a wrong password, a disabled user, at the same cost), `exhausted/rate` with `retryAfterMs`,
   * `exhausted/overload`.
   */
  login(input: Login): Promise<LoggedIn>;
  /** By the uid of the user's own project. Without secret hashes, as all of these. */
  list(projectUid: string, input?: ListInput): Promise<StoredPage<Session>>;
  /** @throws `not_found`. */
  get(projectUid: string, uid: string): Promise<Stored<Session>>;
  /** Ends it: refused at once. @throws `not_found`. */
  delete(projectUid: string, uid: string): Promise<void>;
}

function refusal(): SkerryError {
  return new SkerryError("unauthenticated", "The user name or the password is wrong.", {
    hint: "An admin can set a new password: skerry user passwd NAME.",
  });
}

/** Who it is, after one verification whatever the name is. @throws as `Sessions.login`. */
async function verifyLogin(context: AuthContext, input: Login): Promise<Stored<User>> {
  const attempt = context.loginLimits.begin(input.name, input.ip);
  let user: Stored<User> | undefined;
  let right: boolean;
  try {
    // What is no name is nobody's, and no key that the store would take.
    const entry = isName(input.name) ? await context.store.get(userKey(input.name)) : undefined;
    user = entry === undefined ? undefined : storedOf<User>(entry);
    const passwordHash = user?.resource.spec.passwordHash ?? context.hasher.nobodysHash;
    right = await context.hasher.verify(passwordHash, input.password);
  } catch (error) {
    // Nothing was guessed.
    attempt.forgive();
    throw error;
  }
  if (!right || !mayLogIn(user)) throw refusal();
  attempt.forgive();
  return user;
}

function mayLogIn(user: Stored<User> | undefined): user is Stored<User> {
  return user !== undefined && !user.resource.spec.disabled && user.resource.meta.deletingSince === undefined;
}

/** The oldest sessions that must go so that one more fits. */
async function surplus(context: AuthContext, projectUid: string): Promise<Op[]> {
  const entries: Entry[] = [];
  for await (const entry of entriesUnder(context.store, `/session/${projectUid}/`)) entries.push(entry);
  const count = entries.length - LIMITS.auth.maxSessionsPerUser + 1;
  if (count <= 0) return [];
  entries.sort((a, b) => a.createRevision - b.createRevision);
  return entries.slice(0, count).map(({ key }) => ({ op: "delete", key }));
}

async function openSession(context: AuthContext, verified: Stored<User>, input: Login): Promise<LoggedIn> {
  const { name } = verified.resource.meta;
  return untilDone(async () => {
    // What was verified must still hold when the session comes into being.
    const [user, project] = await Promise.all([
      context.store.get(userKey(name)),
      getStored<Project>(context.store, "project", CLOUD, name),
    ]);
    const stored = user === undefined ? undefined : storedOf<User>(user);
    if (!mayLogIn(stored) || stored.resource.spec.passwordHash !== verified.resource.spec.passwordHash) throw refusal();
    const meta = newMeta({ name: "", project: project.resource.meta.uid }, context);
    const secret = newSecret("session", meta.uid, context.random);
    const resource: Session = {
      kind: "session",
      meta: { ...meta, name: meta.uid },
      spec: {
        user: stored.resource.meta.uid,
        secretHash: secret.secretHash,
        expiresAt: new Date(context.clock.wallMs() + LIMITS.auth.sessionMs).toISOString(),
        ...(input.ip === undefined ? {} : { ip: input.ip.slice(0, 64) }),
      },
    };
    const revision = await commit(context, {
      compare: [{ key: userKey(name), modRevision: stored.revision }],
      then: [
        putOf(resourceKey("session", meta.project, meta.uid), resource),
        ...(await surplus(context, meta.project)),
      ],
    });
    if (revision === undefined) return undefined;
    return {
      bearer: secret.bearer,
      session: { resource: publicResource(resource), revision },
      user: publicResource(stored.resource),
    };
  });
}

export function createSessions(context: AuthContext): Sessions {
  const turns = new Turns();
  const count = context.metrics.counter("skerry_auth_logins_total", "Logins by outcome.", ["outcome"]);
  context.metrics.gauge("skerry_auth_login_keys", "Addresses and users whose failed logins are remembered.", () => {
    return context.loginLimits.size;
  });
  const find = async (projectUid: string, uid: string): Promise<Entry> => {
    const entry = isUid(uid) ? await context.store.get(resourceKey("session", projectUid, uid)) : undefined;
    if (entry === undefined) throw notFound("session", uid);
    return entry;
  };
  return {
    login: async (input) => {
      try {
        const verified = await verifyLogin(context, input);
        const result = await turns.take(verified.resource.meta.uid, () => openSession(context, verified, input));
        count(1, { outcome: "ok" });
        return result;
      } catch (error) {
        count(1, { outcome: error instanceof SkerryError ? error.code : "internal" });
        throw error;
      }
    },
    list: (projectUid, input = {}) => listPublic<Session>(context.store, `/session/${projectUid}/`, input),
    get: async (projectUid, uid) => publicOf<Session>(await find(projectUid, uid)),
    delete: async (projectUid, uid) => {
      const { key, modRevision } = await find(projectUid, uid);
      // It was ended by somebody else in the meantime: that is what was wanted.
      await commit(context, { compare: [{ key, modRevision }], then: [{ op: "delete", key }] });
    },
  };
}
