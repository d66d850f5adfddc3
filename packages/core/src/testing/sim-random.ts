/** Random numbers that a seed replays (xorshift128+, Vigna 2014). Not for secrets. */
import type { Random } from "../domain/ports.ts";

export interface SimRandom extends Random {
  /** Uniform whole number in [0, below). */
  below(below: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
}

export function createSimRandom(seed: number): SimRandom {
  const mask = (1n << 64n) - 1n;
  let mix = (BigInt(seed) + 0x9e3779b97f4a7c15n) & mask;
  // splitmix64 spreads small seeds over the whole state.
  const splitmix = (): bigint => {
    mix = (mix + 0x9e3779b97f4a7c15n) & mask;
    let z = mix;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
    return z ^ (z >> 31n);
  };
  let s0 = splitmix();
  let s1 = splitmix();

  const next = (): bigint => {
    let x = s0;
    const y = s1;
    s0 = y;
    x ^= (x << 23n) & mask;
    s1 = (x ^ y ^ (x >> 17n) ^ (y >> 26n)) & mask;
    return (s1 + y) & mask;
  };
  const fraction = (): number => Number(next() >> 11n) / 2 ** 53;
  const below = (limit: number): number => Math.floor(fraction() * limit);

  return {
    bytes(count) {
      const bytes = new Uint8Array(count);
      const view = new DataView(bytes.buffer);
      let at = 0;
      for (; at + 8 <= count; at += 8) view.setBigUint64(at, next());
      for (let rest = next(); at < count; at += 1, rest >>= 8n) bytes[at] = Number(rest & 0xffn);
      return bytes;
    },
    fraction,
    below,
    chance: (probability) => fraction() < probability,
    pick: (from) => {
      const picked = from[below(from.length)];
      if (picked === undefined) throw new Error("nothing to pick from");
      return picked;
    },
  };
}
