/** Identity on a store in memory, with a clock that the test moves and passwords that cost little. */
import { type Auth, createAuth } from "../auth/auth.ts";
import { createPasswordHasher, type PasswordHasher } from "../auth/passwords.ts";
import { SkerryError } from "../domain/errors.ts";
import type { Store, Transaction } from "../domain/store.ts";
import { MemoryLog, openMemoryStore } from "../store/drivers/memory/memory.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";
import { createSimDisk, type SimDisk } from "./sim-disk.ts";
import { createSimRandom, type SimRandom } from "./sim-random.ts";
import {
  type CollectingLogger,
  type CollectingMetrics,
  createCollectingLogger,
  createCollectingMetrics,
} from "./sim-telemetry.ts";

export const PASSWORD = "correct horse battery";

export interface AuthWorld extends AsyncDisposable {
  readonly auth: Auth;
  readonly store: Store;
  readonly memory: MemoryLog;
  readonly clock: FakeClock;
  readonly random: SimRandom;
  readonly disk: SimDisk;
  readonly log: CollectingLogger;
  readonly metrics: CollectingMetrics;
  /** Counts what it is asked. */
  readonly hasher: PasswordHasher & { readonly verified: string[] };
  /** Uids of projects that own something. */
  readonly occupied: Set<string>;
  /** Uids of projects that cannot be released just now, and of those that were, in order. */
  readonly stuck: Set<string>;
  readonly released: readonly string[];
  /** A user with `PASSWORD`; returns uid, project and the bearer of a token without scopes. */
  addUser(name: string, role?: "admin" | "operator" | "member" | "viewer"): Promise<TestUser>;
  addToken(user: string, name: string, scopes?: unknown, expiresInMs?: number): Promise<string>;
}

export interface TestUser {
  readonly name: string;
  readonly uid: string;
  readonly project: string;
  readonly bearer: string;
}

export async function createAuthWorld(
  options: { seed?: number; wrapStore?: (store: Store) => Store; memory?: MemoryLog } = {},
): Promise<AuthWorld> {
  const clock = createFakeClock();
  const random = createSimRandom(options.seed ?? 1);
  const memory = options.memory ?? new MemoryLog({ clock, random });
  const inner = openMemoryStore({ clock, random, memory });
  const store = options.wrapStore?.(inner) ?? inner;
  const disk = createSimDisk();
  const log = createCollectingLogger();
  const metrics = createCollectingMetrics();
  const occupied = new Set<string>();
  const stuck = new Set<string>();
  const cheap = await createPasswordHasher({ random, cost: { memoryCostKiB: 8, timeCost: 1, parallelism: 1 } });
  const verified: string[] = [];
  const hasher = {
    ...cheap,
    verified,
    verify: (passwordHash: string, password: string) => {
      verified.push(passwordHash);
      return cheap.verify(passwordHash, password);
    },
  };
  const projectIsEmpty = async (uid: string): Promise<boolean> => !occupied.has(uid);
  const released: string[] = [];
  const releaseProject = async (uid: string): Promise<void> => {
    if (stuck.has(uid)) throw new SkerryError("unavailable", "The engine does not answer.");
    released.push(uid);
  };
  const auth = await createAuth({
    ...{ store, clock, random, disk, log, metrics, hasher, projectIsEmpty, releaseProject },
    directory: "/data/auth",
  });

  const addToken: AuthWorld["addToken"] = async (user, name, scopes, expiresInMs) => {
    const { bearer } = await auth.tokens.create({
      ...{ user, name, scopes },
      ...(expiresInMs === undefined ? {} : { expiresInMs }),
    });
    return bearer;
  };
  return {
    ...{ auth, store, memory, clock, random, disk, log, metrics, hasher, occupied, stuck, released, addToken },
    addUser: async (name, role = "member") => {
      const { user } = await auth.users.create({ name, role, password: PASSWORD });
      const bearer = await addToken(name, "full");
      return { name, uid: user.resource.meta.uid, project: auth.authenticate(bearer).projectUid, bearer };
    },
    [Symbol.asyncDispose]: async () => {
      await auth[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

/** Lets the test act just before, or instead of, a transaction. */
export function intercept(store: Store, before: (transaction: Transaction) => Promise<void>): Store {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === "transact") {
        return async (transaction: Transaction) => {
          await before(transaction);
          return target.transact(transaction);
        };
      }
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Waits for what happens soon but not at once. Fails after ten seconds. */
export async function until(holds: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > deadlineMs) throw new Error("it did not come in time");
    await new Promise((resolve) => setImmediate(resolve));
  }
}
