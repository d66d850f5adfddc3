/**
 * What a credential with limits may give away. Else a narrow token would be a way around itself: it would make a user, raise
 * a role or set a password, and log in as someone who may more than it.
 */
import { SkerryError } from "../domain/errors.ts";
import type { Principal, Role, Scopes } from "../domain/identity.ts";
import type { AuthContext } from "./context.ts";
import { cloudRoleScopes, ownProjectRole, projectRoleScopes } from "./roles.ts";
import { compileScopes, type ScopeTrie } from "./scopes.ts";

export interface Grant {
  /** What the user gets, e.g. "the role admin gives"; ends the message. */
  readonly what: string;
  readonly given: readonly Scopes[];
  /** What the user has already. When it covers what is given, nothing is given: a lower role needs no power. */
  readonly held?: readonly Scopes[];
  /** The field of the request. */
  readonly field: string;
}

/** What the role of a user gives, in the cloud and in the user's own project (uid, or `*` when it is not made yet). */
export function roleScopes(role: Role, projectUid: string): readonly Scopes[] {
  return [cloudRoleScopes(role), projectRoleScopes(ownProjectRole(role), projectUid)];
}

/** `by` absent: the daemon itself. @throws `forbidden` (beyond the scopes of the token that asks), `unauthenticated`. */
export function assertMayGive(context: AuthContext, by: Principal | undefined, grant: Grant): void {
  const { limits } = by === undefined ? {} : context.principals.credentialOf(by);
  if (limits === undefined || coversAll(limits, grant.given)) return;
  if (coversAll(compileScopes(...(grant.held ?? [])), grant.given)) return;
  throw new SkerryError("forbidden", `The scopes of your token do not cover what ${grant.what}.`, {
    hint: "Ask with a session (skerry login), or with a token whose scopes cover that too.",
    details: { field: grant.field },
  });
}

function coversAll(trie: ScopeTrie, all: readonly Scopes[]): boolean {
  return all.every((scopes) => trie.covers(scopes));
}
