/** Which addresses are this machine's: what the kernel delivers to itself, whatever state its interface is in. */
import { readFileSync } from "node:fs";
import { BlockList, isIP } from "node:net";
import { networkInterfaces } from "node:os";

/** Addresses come and go with containers and cables; reading them costs about 50 us. */
const FRESH_MS = 1_000;

/**
 * Says whether an address is this machine's. The kernel's tables are asked, since `os.networkInterfaces` leaves out interfaces
 * without carrier (a bridge with nothing on it), whose addresses answer all the same.
 */
export function createOwnAddresses(monotonicMs: () => number): (ip: string) => boolean {
  let known = new BlockList();
  let readMs = Number.NEGATIVE_INFINITY;
  return (ip) => {
    if (monotonicMs() - readMs > FRESH_MS) {
      known = new BlockList();
      readMs = monotonicMs();
      addRoutedV4(known, readTable("/proc/net/fib_trie"));
      addAssignedV6(known, readTable("/proc/net/if_inet6"));
      for (const { address } of Object.values(networkInterfaces()).flatMap((all) => all ?? [])) {
        known.addAddress(address, familyOf(address));
      }
    }
    return known.check(ip, familyOf(ip));
  };
}

/** Empty where the kernel shows none; the interfaces that Node lists count in any case. */
function readTable(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function familyOf(ip: string): "ipv4" | "ipv6" {
  return isIP(ip) === 6 ? "ipv6" : "ipv4";
}

/** Leaves of a `fib_trie` are `|-- ADDRESS`, then a line `/BITS SCOPE TYPE` for each route to it. */
export function addRoutedV4(list: BlockList, trie: string): void {
  let address = "";
  for (const line of trie.split("\n")) {
    address = /^\s*\|-- (\S+)$/.exec(line)?.[1] ?? address;
    const bits = /^\s*\/(\d+) \S+ LOCAL\b/.exec(line)?.[1];
    if (bits !== undefined && isIP(address) === 4) list.addSubnet(address, Number(bits), "ipv4");
  }
}

/** Each line of `if_inet6` begins with an address, 32 hexadecimal digits. */
export function addAssignedV6(list: BlockList, table: string): void {
  for (const [digits] of table.matchAll(/^[0-9a-f]{32}/gm)) {
    list.addAddress(digits.replace(/.{4}(?=.)/g, "$&:"), "ipv6");
  }
}
