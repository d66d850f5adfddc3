/** Random numbers that cost next to nothing: who gets a request is no secret. */
import type { Random } from "../../domain/ports.ts";

/** Uniform in [0, 1). xorshift32 (Marsaglia, Journal of Statistical Software 8/14, 2003). */
export function quickFractions(random: Random): () => number {
  let state = Buffer.from(random.bytes(4)).readInt32LE() || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
