/** Connects relays to backends: resolves, checks every address, connects to one that was checked. */
import { createSocket } from "node:dgram";
import { isIP } from "node:net";
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

export interface UdpSocket {
  send(bytes: Uint8Array): void;
  close(): void;
}

export interface UdpTaker {
  onOpen(): void;
  onDatagram(bytes: Buffer): void;
  /** Also when nobody listens there, as far as the other machine says so. The socket is closed by the caller. */
  onError(): void;
}

/** Connected to the one address: what comes from elsewhere is not heard. `address` comes from `addressesOf`. */
export function openUdp(address: string, port: number, isV6: boolean, taker: UdpTaker): UdpSocket {
  const socket = createSocket({ type: isV6 ? "udp6" : "udp4" });
  let isOpen = true;
  const close = (): void => {
    if (isOpen) socket.close();
    isOpen = false;
  };
  socket.on("error", () => {
    taker.onError();
    close();
  });
  socket.on("message", (bytes) => taker.onDatagram(bytes));
  socket.on("connect", () => taker.onOpen());
  socket.connect(port, address);
  return {
    send(bytes) {
      if (isOpen) socket.send(bytes, (error) => error && isOpen && taker.onError());
    },
    close,
  };
}
