/** Addresses that only `gateway.upstreams:any` reaches, besides those that are nobody's: this machine's, and containers'. */
import { BlockList, isIP } from "node:net";
import { createOwnAddresses } from "@skerry/core/platform/own-addresses.ts";

/** @param networks of the containers, each `ADDRESS/BITS` */
export function createGuard(networks: readonly string[]): (ip: string) => boolean {
  const containers = new BlockList();
  for (const network of networks) {
    const [address = "", prefix] = network.split("/");
    containers.addSubnet(address, Number(prefix), familyOf(address));
  }
  const isOwn = createOwnAddresses(() => performance.now());
  return (ip) => containers.check(ip, familyOf(ip)) || isOwn(ip);
}

function familyOf(ip: string): "ipv4" | "ipv6" {
  return isIP(ip) === 4 ? "ipv4" : "ipv6";
}
