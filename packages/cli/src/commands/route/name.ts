import { SkerryError } from "@skerry/core/contract/errors.ts";

/** A host is what people know of a route, and not its name. @throws `invalid` */
export function assertRouteName(text: string): void {
  if (!/^[a-z0-9*-]+([./][a-z0-9._-]*)+$/i.test(text)) return;
  throw new SkerryError("invalid", `${JSON.stringify(text)} is a host, and no name of a route.`, {
    hint: "A route has a name, by default made of its host, as app-example-com: skerry route ls shows them.",
  });
}
