/** When a request is sent to a second backend, in words. */
import { LIMITS } from "../../domain/limits.ts";
import type { TableEntry } from "../table.ts";
import { SAFE } from "./methods.ts";

const { hedgePercent } = LIMITS.delivery;

/** What the route does besides with a request of this method; as a part of "it ...". */
export function whatHedges(
  { hedge, upstream }: Pick<TableEntry, "hedge" | "upstream">,
  method: string,
): readonly string[] {
  if (hedge === undefined) return [];
  if (!SAFE.has(method)) return [`asks one backend alone: ${method} may change something`];
  if (upstream.backends.filter(({ drain }) => drain !== true).length < 2) return ["has no second backend to ask"];
  const { after, afterMs, most = 1, budgetPercent = hedgePercent } = hedge;
  const time = after === undefined ? `${afterMs} ms` : `longer than ${after.slice(1)} of 100 answers take`;
  const who = most === 1 ? "another backend" : `up to ${most} other backends`;
  const unless = upstream.sticky === undefined ? "" : ", unless it sticks to one";
  return [`asks ${who} too when nothing comes for ${time}${unless} (${budgetPercent} % of the requests at most)`];
}
