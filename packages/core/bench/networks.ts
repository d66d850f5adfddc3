/**
 * Addresses looked for in 100,000 networks, with the reading of the address, and what the networks take in memory. `npm run
 * bench:networks` The last line is one line of JSON.
 */
import { type Network, parseNetwork, readAddress } from "../src/domain/networks.ts";
import { NetworkSet } from "../src/gateway/guard/network-set.ts";
import { finish, type Row, row } from "./figures.ts";

const ROUNDS = 5;
const NETWORKS = 100_000;
const LOOKUPS = 1_000_000;
const ASKED = 4096;

let seed = 1;
function random(below: number): number {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
}

const V4 = () => `${1 + random(223)}.${random(256)}.${random(256)}.${random(256)}`;
const V6 = () => `2${random(4096).toString(16)}:${random(65_536).toString(16)}:${random(65_536).toString(16)}::1`;

function measure(name: string, address: () => string, bits: () => number): readonly Row[] {
  const networks = Array.from({ length: NETWORKS }, () => parseNetwork(`${address()}/${bits()}`) as Network);
  const set = NetworkSet.of(networks);
  const asked = Array.from({ length: ASKED }, address);
  const ns: number[] = [];
  let found = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    found = 0;
    const startMs = performance.now();
    for (let i = 0; i < LOOKUPS; i++) {
      readAddress(asked[i % ASKED] as string);
      if (set.hasAddress()) found++;
    }
    // The first round warms up.
    if (round > 0) ns.push(((performance.now() - startMs) * 1_000_000) / LOOKUPS);
  }
  const { v4, v6 } = set.encode();
  const bytes = Buffer.from(v4, "base64").length + Buffer.from(v6, "base64").length;
  console.log(`${name}: ${set.size} networks apart from each other, ${((100 * found) / LOOKUPS).toFixed(1)} % found`);
  return [
    row(name, "ns", new Map([["ours", ns]]), "low"),
    row(`${name}-memory`, "bytes", new Map([["ours", [bytes]]])),
  ];
}

finish("networks", [
  ...measure("ipv4-100000", V4, () => 24 + random(9)),
  ...measure("ipv6-100000", V6, () => 40 + random(89)),
]);
