/** Addresses: of clients, and those that a route of just anybody must not lead to. */
import { BlockList, isIP } from "node:net";

/** An IPv4 address, or the /64 of an IPv6 address: whoever has one IPv6 address has the whole /64. */
export function addressKey(ip: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip);
  if (mapped?.[1] !== undefined) return mapped[1];
  const text = (ip.split("%")[0] ?? "").toLowerCase();
  if (!text.includes(":")) return text.slice(0, 64);
  const [head = "", tail] = text.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const middle = tail === undefined ? [] : Array<string>(Math.max(0, 8 - left.length - right.length)).fill("0");
  const groups = [...left, ...middle, ...right].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`;
}

const GUARDED = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8], // this host
  ["127.0.0.0", 8],
  ["169.254.0.0", 16], // link-local, with the metadata services of clouds
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4], // reserved, broadcast
] as const) {
  GUARDED.addSubnet(network, prefix, "ipv4");
}
for (const [network, prefix] of [
  ["::", 127], // unspecified and loopback
  ["fe80::", 10],
  ["fec0::", 10], // site-local, deprecated
  ["ff00::", 8],
  ["2002::", 16], // 6to4: leads to any IPv4 address
] as const) {
  GUARDED.addSubnet(network, prefix, "ipv6");
}

/** IPv6 prefixes that carry an IPv4 address in their last 32 bits: mapped, compatible, NAT64. */
const CARRIERS = new BlockList();
CARRIERS.addSubnet("::ffff:0:0", 96, "ipv6");
CARRIERS.addSubnet("::", 96, "ipv6");
CARRIERS.addSubnet("64:ff9b::", 96, "ipv6");

/**
 * Whether it needs `gateway.upstreams:any`: loopback, link-local, unspecified, multicast, and what `isOwn` says of this machine
 * and its containers. An address with a zone (`fe80::1%eth0`), and what is no address, is guarded.
 */
export function isGuardedAddress(ip: string, isOwn: (ip: string) => boolean = () => false): boolean {
  const version = isIP(ip);
  if (version === 0 || ip.includes("%")) return true;
  if (version === 4) return GUARDED.check(ip, "ipv4") || isOwn(ip);
  if (GUARDED.check(ip, "ipv6") || isOwn(ip)) return true;
  const carried = CARRIERS.check(ip, "ipv6") ? lastFourBytes(ip) : undefined;
  return carried !== undefined && (GUARDED.check(carried, "ipv4") || isOwn(carried));
}

/** The last 32 bits of an IPv6 address in dotted form. */
function lastFourBytes(ip: string): string {
  const dotted = /:(\d+\.\d+\.\d+\.\d+)$/.exec(ip);
  if (dotted !== null) return dotted[1] as string;
  const groups = ip.split(":").slice(-2);
  const [high = 0, low = 0] = groups.map((group) => Number.parseInt(group === "" ? "0" : group, 16));
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}
