/** Names of object versions: as ULIDs, time first, so that their order is that of time. */
import type { Clock, Random } from "../domain/ports.ts";

/** Crockford's base 32, which sorts like the numbers that it stands for. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const TIME_DIGITS = 10;
const RANDOM_DIGITS = 16;

/** Gives 26 characters; each sorts after the one before, also when the wall clock goes back. */
export function createVersions(clock: Clock, random: Random): () => string {
  let lastMs = 0;
  return () => {
    lastMs = Math.max(lastMs + 1, clock.wallMs());
    let rest = lastMs;
    let time = "";
    for (let i = 0; i < TIME_DIGITS; i += 1, rest = Math.floor(rest / 32)) time = `${ALPHABET[rest % 32]}${time}`;
    return time + Array.from(random.bytes(RANDOM_DIGITS), (byte) => ALPHABET[byte & 31]).join("");
  };
}
