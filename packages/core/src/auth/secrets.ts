/** Secrets of tokens and sessions: how they look, how they are kept, how they are compared. */
import { hash, timingSafeEqual } from "node:crypto";
import type { Random } from "../domain/ports.ts";

export type CredentialKind = "token" | "session";

const PREFIXES: Readonly<Record<CredentialKind, string>> = { token: "sky", session: "sks" };
const SECRET_BYTES = 32;
const BEARER = /^(sky|sks)_([a-z2-7]{26})_([A-Za-z0-9_-]{43})$/;
/** What an unknown uid is compared with: no secret has this hash, and the same work is done. */
const NOBODYS_HASH = "00".repeat(32);

export interface BearerParts {
  readonly kind: CredentialKind;
  readonly uid: string;
  readonly secret: string;
}

export interface NewSecret {
  /** Shown once: `sky_<uid>_<secret>` or `sks_...`. */
  readonly bearer: string;
  /** SHA-256 of the secret part, hex: what is stored. */
  readonly secretHash: string;
}

export function newSecret(kind: CredentialKind, uid: string, random: Random): NewSecret {
  const secret = Buffer.from(random.bytes(SECRET_BYTES)).toString("base64url");
  return { bearer: `${PREFIXES[kind]}_${uid}_${secret}`, secretHash: hash("sha256", secret, "hex") };
}

/** Undefined when it cannot be one of ours. */
export function parseBearer(bearer: string): BearerParts | undefined {
  const match = BEARER.exec(bearer);
  if (match === null) return undefined;
  const [, prefix = "", uid = "", secret = ""] = match;
  return { kind: prefix === PREFIXES.token ? "token" : "session", uid, secret };
}

export type ConstantTimeEqual = (a: Uint8Array, b: Uint8Array) => boolean;

/**
 * Whether the secret belongs to the stored hash; the same steps are taken when there is none. `equal` is for tests that
 * count the comparisons.
 */
export function secretMatches(
  storedHash: string | undefined,
  secret: string,
  equal: ConstantTimeEqual = timingSafeEqual,
): boolean {
  const stored = Buffer.from(storedHash ?? NOBODYS_HASH, "hex");
  const same = equal(stored, hash("sha256", secret, "buffer"));
  return same && storedHash !== undefined;
}

/** Text without the secrets in it: `sky_<uid>_...`. For whatever is written down and came from outside. */
export function redactSecrets(text: string): string {
  return text.replace(/(sk[ys]_[a-z2-7]{26})_[A-Za-z0-9_-]+/g, "$1_...");
}

/** Nothing that is easily read for something else: no 0 O o, 1 I i l, u v. 53 characters. */
const ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstwxyz";
const PASSWORD_LENGTH = 24;

/** A password that a person can type: 24 characters in groups of six, 137 random bits. */
export function newPassword(random: Random): string {
  const characters: string[] = [];
  while (characters.length < PASSWORD_LENGTH) {
    for (const byte of random.bytes(PASSWORD_LENGTH)) {
      // Bytes beyond a whole multiple of the alphabet would make its beginning likelier.
      if (byte >= 256 - (256 % ALPHABET.length) || characters.length === PASSWORD_LENGTH) continue;
      characters.push(ALPHABET[byte % ALPHABET.length] as string);
    }
  }
  return characters.join("").replace(/.{6}(?=.)/g, "$&-");
}
