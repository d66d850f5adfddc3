/** Ports in the store: one belongs to the project whose route named it first, until its last route to the port goes. */
import { SkerryError } from "../domain/errors.ts";
import type { Compare, Op, Store } from "../domain/store.ts";

/** Who has a port, and through how many routes. */
interface PortClaim {
  readonly project: string;
  readonly routes: number;
}

interface ClaimStep {
  readonly compare: readonly Compare[];
  readonly then: readonly Op[];
}

const NOTHING: ClaimStep = { compare: [], then: [] };

/**
 * What must hold for the project to have one more route at `port` (`tcp/5432`; undefined: the gateway's own, which nobody
 * claims), and what writes it down. @throws `conflict` that does not name the other project.
 */
export async function claimPort(store: Store, port: string | undefined, project: string): Promise<ClaimStep> {
  if (port === undefined) return NOTHING;
  const key = portKey(port);
  const entry = await store.get(key);
  const claim = entry?.value as unknown as PortClaim | undefined;
  if (claim !== undefined && claim.project !== project) {
    throw new SkerryError("conflict", `The port ${port} is taken: it belongs to another project.`, {
      hint: "Choose another port, or ask who runs this cloud.",
      details: { field: "listen" },
    });
  }
  const routes = (claim?.routes ?? 0) + 1;
  return {
    compare: [{ key, modRevision: entry?.modRevision ?? 0 }],
    then: [{ op: "put", key, value: { project, routes } }],
  };
}

/** The reverse: it is free again with its last route. */
export async function releasePort(store: Store, port: string | undefined): Promise<ClaimStep> {
  if (port === undefined) return NOTHING;
  const key = portKey(port);
  const entry = await store.get(key);
  const { project, routes } = (entry?.value as unknown as PortClaim | undefined) ?? { project: "", routes: 0 };
  return {
    compare: [{ key, modRevision: entry?.modRevision ?? 0 }],
    then: [routes > 1 ? { op: "put", key, value: { project, routes: routes - 1 } } : { op: "delete", key }],
  };
}

function portKey(port: string): string {
  return `/unique/port/${port}`;
}
