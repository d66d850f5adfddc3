/** The rule that keeps a cloud governable: there is always an enabled admin. */
import { SkerryError } from "../domain/errors.ts";
import type { User } from "../domain/identity.ts";
import type { Compare, Store } from "../domain/store.ts";
import { entriesUnder, storedOf } from "./context.ts";

export function isEnabledAdmin(user: User): boolean {
  return user.spec.role === "admin" && !user.spec.disabled && user.meta.deletingSince === undefined;
}

/**
 * For a transaction that takes this admin away: a compare that another enabled admin stays as it is. Two that take each
 * other away at the same time cannot both hold. @throws `conflict` when there is none.
 */
export async function otherAdmin(store: Store, user: User): Promise<Compare> {
  for await (const entry of entriesUnder(store, "/user/")) {
    const other = storedOf<User>(entry).resource;
    if (other.meta.uid !== user.meta.uid && isEnabledAdmin(other)) {
      return { key: entry.key, modRevision: entry.modRevision };
    }
  }
  throw new SkerryError("conflict", `${user.meta.name} is the last enabled admin.`, {
    hint: "Make another user admin first.",
  });
}
