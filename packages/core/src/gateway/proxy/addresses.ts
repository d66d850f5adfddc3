/** Addresses that routes of restricted reach never lead to, whatever name they hide behind. */
import { BlockList, isIP } from "node:net";

const REFUSED = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8], // this host
  ["127.0.0.0", 8],
  ["169.254.0.0", 16], // link-local, with the metadata services of clouds
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4], // reserved, broadcast
] as const) {
  REFUSED.addSubnet(network, prefix, "ipv4");
}
for (const [network, prefix] of [
  ["::", 127], // unspecified and loopback
  ["fe80::", 10],
  ["fec0::", 10], // site-local, deprecated
  ["ff00::", 8],
] as const) {
  REFUSED.addSubnet(network, prefix, "ipv6");
}

/** IPv6 prefixes that carry an IPv4 address in their last 32 bits: mapped, compatible, NAT64. */
const CARRIERS = new BlockList();
CARRIERS.addSubnet("::ffff:0:0", 96, "ipv6");
CARRIERS.addSubnet("::", 96, "ipv6");
CARRIERS.addSubnet("64:ff9b::", 96, "ipv6");

/** True when `ip` must not be connected to. An address with a zone (`fe80::1%eth0`) or of no known form is refused. */
export function isRefusedAddress(ip: string, isOwnAddress: (ip: string) => boolean): boolean {
  const version = isIP(ip);
  if (version === 0 || ip.includes("%")) return true;
  if (version === 4) return REFUSED.check(ip, "ipv4") || isOwnAddress(ip);
  if (REFUSED.check(ip, "ipv6") || isOwnAddress(ip)) return true;
  const carried = CARRIERS.check(ip, "ipv6") ? lastFourBytes(ip) : undefined;
  return carried !== undefined && (REFUSED.check(carried, "ipv4") || isOwnAddress(carried));
}

/** The last 32 bits of an IPv6 address in dotted form. */
function lastFourBytes(ip: string): string {
  const dotted = /:(\d+\.\d+\.\d+\.\d+)$/.exec(ip);
  if (dotted !== null) return dotted[1] as string;
  const groups = ip.split(":").slice(-2);
  const [high = 0, low = 0] = groups.map((group) => Number.parseInt(group === "" ? "0" : group, 16));
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}
