/** The first start, and the way back in when the password is lost. Both work on an opened store without a running service. */
import { SkerryError } from "../domain/errors.ts";
import type { User } from "../domain/identity.ts";
import type { Clock, Random } from "../domain/ports.ts";
import type { Store, TransactionResult } from "../domain/store.ts";
import { getOwner, untilDone } from "./context.ts";
import { assertPassword, type PasswordHasher } from "./passwords.ts";
import { newPassword } from "./secrets.ts";
import { tokenCreation } from "./tokens.ts";
import { userCreation, withPassword } from "./users.ts";

export interface IdentityWorld {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly hasher: PasswordHasher;
}

/**
 * The admin that is about to be. Nothing is in the store before `commit`: write password and bearer to their files first,
 * then commit. After a crash in between the cloud has no user yet, and the next start prepares anew.
 */
export interface Bootstrap {
  readonly userName: "admin";
  readonly password: string;
  /** Of the token for the first context of the CLI: `sky_...`. */
  readonly bearer: string;
  /** User, project, binding and token in one transaction. @throws `conflict/exists` when someone else was first. */
  commit(): Promise<TransactionResult>;
}

const ADMIN = "admin";

/** Undefined when there is a user already: then the cloud has been set up. @throws what the store throws. */
export async function prepareBootstrap(
  world: IdentityWorld,
  options: { readonly tokenName?: string } = {},
): Promise<Bootstrap | undefined> {
  const { store, random, hasher } = world;
  const users = await store.list({ prefix: "/user/", limit: 1 });
  if (users.entries.length > 0) return undefined;
  const password = newPassword(random);
  const creation = userCreation({ name: ADMIN, role: "admin", passwordHash: await hasher.hash(password) }, world);
  const token = tokenCreation(
    { user: creation.user.meta.uid, project: creation.projectUid, name: options.tokenName ?? "first-context" },
    world,
  );
  return {
    userName: ADMIN,
    password,
    bearer: token.bearer,
    commit: async () => {
      const result = await store.transact({ compare: creation.compare, then: [...creation.then, token.put] });
      if (result.succeeded) return result;
      throw new SkerryError("conflict/exists", "Another start has made the first admin in the meantime.");
    },
  };
}

/**
 * Sets the password of a user, on the store of a daemon that does not run, and ends the user's sessions. Returns the
 * password, which was made here when none was given. @throws `not_found`, `invalid` (rule), `conflict`.
 */
export async function resetPassword(world: IdentityWorld, name: string, newOne?: string): Promise<string> {
  const { store, clock, random, hasher } = world;
  await getOwner(store, name);
  const password = newOne ?? newPassword(random);
  assertPassword(password, name);
  const passwordHash = await hasher.hash(password);
  await untilDone(async (): Promise<User | undefined> => {
    const { user, project } = await getOwner(store, name);
    const { put, compare } = withPassword(user, passwordHash, clock);
    const { succeeded } = await store.transact({
      compare: [compare],
      then: [put, { op: "delete-prefix", prefix: `/session/${project.resource.meta.uid}/` }],
    });
    return succeeded ? user.resource : undefined;
  });
  return password;
}
