/**
 * The key that seals secrets on disk, in a file of its own (mode 0600), and sealing with it: AES-256-GCM with a random nonce.
 * Whoever copies the store alone has no secret; whoever has both has all.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { dirname } from "node:path";
import { SkerryError } from "../domain/errors.ts";
import type { Disk, Random, Sealer } from "../domain/ports.ts";

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = "aes-256-gcm";
const VERSION = "v1.";

export interface SealerOptions {
  readonly disk: Disk;
  readonly random: Random;
  /** Of the key's file. */
  readonly path: string;
  /** False: there is something that only this key opens, so that another one would be no help. */
  readonly mayCreate: boolean;
}

/** @throws `internal/corrupt` when the file is missing and must not be made anew, or is not a key. */
export async function openSealer({ disk, random, path, mayCreate }: SealerOptions): Promise<Sealer> {
  const key = (await readKey(disk, path)) ?? (mayCreate ? await createKey(disk, random, path) : undefined);
  if (key !== undefined) return new KeySealer(key, random);
  throw new SkerryError("internal/corrupt", `${path} is missing, and this cloud has secrets that only it opens.`, {
    hint: "Put it back from a backup: skerry backup restore FILE --force. Nothing was changed.",
  });
}

class KeySealer implements Sealer {
  readonly #key: Uint8Array;
  readonly #random: Random;

  constructor(key: Uint8Array, random: Random) {
    this.#key = key;
    this.#random = random;
  }

  seal(secret: string, purpose: string): string {
    const nonce = this.#random.bytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#key, nonce).setAAD(Buffer.from(purpose));
    const parts = [nonce, cipher.update(secret, "utf8"), cipher.final(), cipher.getAuthTag()];
    return VERSION + Buffer.concat(parts).toString("base64url");
  }

  open(sealed: string, purpose: string): string {
    try {
      if (!sealed.startsWith(VERSION)) throw new Error("another version");
      const bytes = Buffer.from(sealed.slice(VERSION.length), "base64url");
      const decipher = createDecipheriv(CIPHER, this.#key, bytes.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(Buffer.from(purpose)).setAuthTag(bytes.subarray(-TAG_BYTES));
      return decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, "utf8") + decipher.final("utf8");
    } catch (cause) {
      throw new SkerryError("internal/corrupt", `The secret of ${purpose} does not open with this cloud's key.`, {
        cause,
        hint: "It was sealed with another key, or changed. Give it again.",
      });
    }
  }
}

async function readKey(disk: Disk, path: string): Promise<Uint8Array | undefined> {
  if ((await disk.stat(path)) === undefined) return undefined;
  await using file = await disk.open(path);
  const bytes = new Uint8Array(KEY_BYTES);
  if ((await file.size()) === KEY_BYTES && (await file.read(bytes, 0)) === KEY_BYTES) return bytes;
  throw new SkerryError("internal/corrupt", `${path} is not a key of Skerry: it has another size.`, {
    hint: "Put it back from a backup: skerry backup restore FILE --force. Nothing was changed.",
  });
}

/** Whole and durable before anything is sealed with it. */
async function createKey(disk: Disk, random: Random, path: string): Promise<Uint8Array> {
  const key = random.bytes(KEY_BYTES);
  const next = `${path}.new`;
  await disk.remove(next).catch(() => undefined);
  {
    await using file = await disk.open(next, { write: true, create: "exclusive" });
    await file.write(key, 0);
    await file.syncData();
  }
  await disk.rename(next, path);
  await disk.syncDirectory(dirname(path));
  return key;
}
