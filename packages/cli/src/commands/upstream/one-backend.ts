/** One backend of an upstream, taken out of the turn and put back. */
import { type UpstreamView, upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import type { Invocation } from "../command.ts";
import { callsAbout } from "../named.ts";
import type { Backend } from "./backends.ts";

/** @throws `not_found` that names those that are there. */
export function expectBackend({ meta, spec }: UpstreamView, name: string): Backend {
  const found = spec.backends.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new SkerryError("not_found", `The upstream ${meta.name} has no backend ${name}.`, {
    hint: `It has ${spec.backends.map((one) => one.name).join(", ")}.`,
  });
}

/** @throws `not_found`, `conflict/precondition` (somebody else has changed it this moment). */
export async function setDrain(invocation: Invocation, args: readonly string[], drain: boolean): Promise<void> {
  const [name = "", backend = ""] = args;
  const { client, named } = await callsAbout(invocation, name);
  const before = await client.call(upstreamRoutes.get, named);
  const found = expectBackend(before, backend);
  const backends = before.spec.backends.map((one) => (one === found ? { ...one, drain } : one));
  const made =
    found.drain === drain
      ? before
      : await client.call(upstreamRoutes.update, {
          ...named,
          body: { spec: { backends }, revision: before.meta.revision },
        });
  const what = drain ? "gets no new requests" : "gets requests again";
  await invocation.output.done("upstream", name, `updated: ${backend} ${what}`, made);
}
