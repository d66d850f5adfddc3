/** What the fuzz targets of the gateway share: how many cases with which seed, and how bytes of a corpus are changed. */
import type { SimRandom } from "./sim-random.ts";

const IS_FULL = process.env["SKERRY_TEST_TIER"] === "full";

export const FUZZ_SEED = Number(process.env["SKERRY_TEST_SEED"] ?? 1);

/** So many in each tier, when SKERRY_FUZZ_CASES does not say. */
export function fuzzCases(quick: number, full = 20 * quick): number {
  return Number(process.env["SKERRY_FUZZ_CASES"] ?? (IS_FULL ? full : quick));
}

/** One to four changes: bits, bytes, numbers of two and three bytes that say lengths, parts of others. */
export function changedBytes(bytes: Buffer, corpus: readonly Buffer[], random: SimRandom): Buffer {
  let out = Buffer.from(bytes);
  for (let changes = random.chance(0.6) ? 1 : 1 + random.below(4); changes > 0; changes--) {
    const at = random.below(out.length + 1);
    const other = random.pick(corpus);
    switch (random.below(9)) {
      case 0:
        if (at < out.length) out[at] = random.below(256);
        break;
      case 1:
        if (at < out.length) out[at] = (out[at] as number) ^ (1 << random.below(8));
        break;
      case 2:
        if (at < out.length) out[at] = (out[at] as number) + random.pick([-2, -1, 1, 2]);
        break;
      case 3:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at + 1 + random.below(9))]);
        break;
      case 4:
        out = Buffer.concat([out.subarray(0, at), random.bytes(1 + random.below(4)), out.subarray(at)]);
        break;
      case 5:
        if (at + 2 <= out.length) out.writeUInt16BE(random.pick(LENGTHS), at);
        break;
      case 6:
        out = Buffer.concat([out.subarray(0, at), other.subarray(random.below(other.length + 1))]);
        break;
      case 7:
        out = out.subarray(0, at);
        break;
      default: {
        const to = Math.min(out.length, at + 1 + random.below(20));
        out = Buffer.concat([out.subarray(0, to), out.subarray(at)]);
      }
    }
  }
  return out.length <= MAX_BYTES ? out : out.subarray(0, MAX_BYTES);
}

const LENGTHS = [0, 1, 2, 127, 128, 255, 256, 0x3fff, 0x4000, 0x4001, 0x7fff, 0x8000, 0xffff];
const MAX_BYTES = 20_000;

/** The same bytes in the middle of others: who reads past them gets something else. */
export function embedded(bytes: Buffer, random: SimRandom): Buffer {
  const around = Buffer.concat([random.bytes(16), bytes, random.bytes(64)]);
  return around.subarray(16, 16 + bytes.length);
}
