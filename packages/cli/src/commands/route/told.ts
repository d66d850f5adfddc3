/** What a person should know about where a route leads, beside that it is there. */
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import type { RouteView } from "@skerry/core/contract/api/route.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { isError } from "@skerry/core/contract/errors.ts";
import type { Invocation } from "../command.ts";

/** A line on standard error for each. Never fails for what cannot be seen. */
export async function tellWhereItLeads(
  { output, signal }: Invocation,
  client: Client,
  { spec, status }: RouteView,
): Promise<void> {
  if (status?.state === "down") {
    output.warn(`It does not answer yet: ${status.reason ?? "nothing is there"}. It does as soon as that changes.`);
  }
  const name = /^bucket\/(.+)$/.exec(spec.to ?? "")?.[1];
  if (name === undefined) return;
  try {
    const bucket = await client.call(bucketRoutes.get, { params: { name }, signal });
    if (bucket.spec.visibility === "public") return;
    const { visibility } = bucket.spec;
    output.warn(
      `The bucket ${name} is ${visibility}; through this route everybody can read all of it, at ${status?.url}`,
    );
  } catch (error) {
    if (signal.aborted || !(isError(error, "not_found") || isError(error, "forbidden"))) throw error;
  }
}
