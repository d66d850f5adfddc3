/** A project that things are put into while it may be going. */
import { SkerryError } from "../domain/errors.ts";
import type { Resource } from "../domain/resource.ts";
import type { Entry } from "../domain/store.ts";

export function takesResources(entry: Entry, uid: string): boolean {
  const { meta } = entry.value as unknown as Resource<unknown>;
  return meta.uid === uid && meta.deletingSince === undefined;
}

export function projectGone(name: string): SkerryError {
  return new SkerryError("not_found", `The project ${name} has changed or gone meanwhile.`, { hint: "Try again." });
}
