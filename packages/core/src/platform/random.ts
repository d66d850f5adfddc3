/** Randomness of the kernel's generator. */
import { randomBytes } from "node:crypto";
import type { Random } from "../domain/ports.ts";

export const realRandom: Random = {
  bytes: (count) => randomBytes(count),
  // 48 bits: all that a double takes without rounding up to 1, in whole bytes.
  fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};
