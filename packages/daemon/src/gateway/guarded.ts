/** Addresses that only `gateway.upstreams:any` reaches, besides those that are nobody's: this machine's, and containers'. */
import { BlockList, isIP } from "node:net";
import { createOwnAddresses } from "@skerry/core/platform/own-addresses.ts";

/** Whether an address, also one that is mapped into IPv6, is in one of the networks, each `ADDRESS/BITS`. */
export function createNetworks(networks: readonly string[]): (ip: string) => boolean {
  const list = listOf(networks);
  return (ip) => {
    const plain = ip.replace(/^::ffff:(?=\d+\.)/i, "");
    return isIP(plain) !== 0 && list.check(plain, familyOf(plain));
  };
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", prefix] = network.split("/");
    list.addSubnet(address, Number(prefix), familyOf(address));
  }
  return list;
}

/** @param networks of the containers, each `ADDRESS/BITS` */
export function createGuard(networks: readonly string[]): (ip: string) => boolean {
  const containers = listOf(networks);
  const isOwn = createOwnAddresses(() => performance.now());
  return (ip) => containers.check(ip, familyOf(ip)) || isOwn(ip);
}

function familyOf(ip: string): "ipv4" | "ipv6" {
  return isIP(ip) === 4 ? "ipv4" : "ipv6";
}
