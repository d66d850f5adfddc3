/** Connects relays to backends: resolves, checks every address, connects to one that was checked. */
import { createConnection, isIP, type OnReadOpts, type Socket } from "node:net";
import { isGuardedAddress } from "../../domain/addresses.ts";
import { SkerryError } from "../../domain/errors.ts";
import type { Names } from "../proxy/names.ts";
import type { L4Backend } from "./entry.ts";

export interface DialWorld {
  readonly names: Names;
  readonly isOwnAddress: (ip: string) => boolean;
  readonly maxAddresses: number;
}

/** At once for an address; a promise for a name. @throws `forbidden/upstream`; rejects also as `Names.find` does. */
export function addressesOf(
  { host }: L4Backend,
  reach: "any" | "restricted",
  world: DialWorld,
): readonly string[] | Promise<readonly string[]> {
  if (isIP(host) !== 0) return allowed([host], reach, world);
  return world.names.find(host).then((found) => allowed(found, reach, world));
}

function allowed(found: readonly string[], reach: "any" | "restricted", world: DialWorld): readonly string[] {
  const may = reach === "any" ? found : found.filter((address) => !isGuardedAddress(address, world.isOwnAddress));
  if (may.length > 0) return may.slice(0, world.maxAddresses);
  throw new SkerryError("forbidden/upstream", "The route leads to an address that its project may not reach.", {
    hint: "Point the route elsewhere, or ask an admin, who has gateway.upstreams:any.",
  });
}

/** Not yet connected. `address` comes from `addressesOf`: nothing is resolved again. */
export function openTcp(address: string, port: number, onread: OnReadOpts): Socket {
  return createConnection({ host: address, port, allowHalfOpen: true, noDelay: true, onread });
}
