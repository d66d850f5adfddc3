/** Identity as one service: who asks, what they may, and everything that changes that. */
import type { Decide, Principal } from "../domain/identity.ts";
import type { Job } from "../domain/jobs.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock, Disk, Random } from "../domain/ports.ts";
import type { Store } from "../domain/store.ts";
import type { Logger, Metrics } from "../domain/telemetry.ts";
import { decide } from "./access.ts";
import type { AuthContext } from "./context.ts";
import { createExpireJob } from "./expire.ts";
import { LastUsed } from "./last-used.ts";
import { LoginLimits } from "./login-limits.ts";
import { createPasswordHasher, type PasswordHasher } from "./passwords.ts";
import { type AuthAuthorizer, Principals } from "./principals.ts";
import { createProjects, type Projects } from "./projects.ts";
import { createSessions, type Sessions } from "./sessions.ts";
import { createTokens, type Tokens } from "./tokens.ts";
import { createUsers, type Users } from "./users.ts";
import { AuthView } from "./view.ts";

export interface AuthOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  /** Where `last-used.json` lies. Made when it is not there. */
  readonly directory: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Whether the project owns nothing that must go before it, e.g. buckets. Asked before a user or a project is deleted. */
  readonly projectIsEmpty: (projectUid: string) => Promise<boolean>;
  /** Takes away what a project that is deleted has left elsewhere. @throws what keeps it from that: it stays then. */
  readonly releaseProject: (projectUid: string) => Promise<void>;
  /** Default: argon2id at OWASP's cost. */
  readonly hasher?: PasswordHasher;
}

export interface Auth extends AsyncDisposable {
  /**
   * Synchronous, from memory. `bearer` is what follows `Bearer `; undefined = nobody asks. @throws `unauthenticated`,
   * `unauthenticated/expired`, `unavailable`.
   */
  authenticate(bearer: string | undefined): Principal;
  readonly authorizer: AuthAuthorizer;
  /** About anything but buckets and objects (`bucketAccess`). */
  readonly decide: Decide;
  /** When a token or session (uid) was last used, ISO 8601. */
  lastUsedAt(uid: string): string | undefined;
  readonly users: Users;
  readonly projects: Projects;
  readonly sessions: Sessions;
  readonly tokens: Tokens;
  /** For the job runner: `auth.expire`. */
  readonly jobs: readonly Job[];
}

/** Lists identity from the store and follows it from then on. @throws what the store throws. */
export async function createAuth(options: AuthOptions): Promise<Auth> {
  const { store, clock, random, disk, directory, log, metrics, projectIsEmpty, releaseProject } = options;
  await disk.makeDirectory(directory);
  const hasher = options.hasher ?? (await createPasswordHasher({ random, metrics }));
  const lastUsed = new LastUsed({ disk, directory, clock, log });
  await lastUsed.load();
  const view = new AuthView({ store, clock, log, metrics });
  const principals = new Principals({ view, clock, lastUsed });
  await view.start(principals);
  const loginLimits = new LoginLimits(clock);
  const context: AuthContext = {
    ...{ store, clock, random, log, metrics, hasher, view, principals, lastUsed, loginLimits },
    ...{ projectIsEmpty, releaseProject },
  };

  const stop = new AbortController();
  const isKnown = (uid: string): boolean => view.records.credential(uid) !== undefined;
  const saveNowAndThen = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await clock.sleep(LIMITS.auth.lastUsedEveryMs, stop.signal).catch(() => undefined);
      await lastUsed.save(isKnown);
    }
  };
  const background = Promise.all([principals.run(stop.signal), saveNowAndThen()]);

  return {
    authenticate: (bearer) => principals.authenticate(bearer),
    authorizer: principals,
    decide: (principal, permission, target) => decide(principals, principal, permission, target),
    users: createUsers(context),
    projects: createProjects(context),
    sessions: createSessions(context),
    tokens: createTokens(context),
    lastUsedAt: (uid) => lastUsed.at(uid),
    jobs: [createExpireJob(context)],
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await background;
      await view[Symbol.asyncDispose]();
    },
  };
}
