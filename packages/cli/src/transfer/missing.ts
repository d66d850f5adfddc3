/** Why there is no object: the bucket is missing, or the key is what people call a folder. */
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { isError, SkerryError } from "@skerry/core/contract/errors.ts";
import { folderPrefix, formatAddress, type ObjectAddress } from "./address.ts";

/** `work`, with a `not_found` about the object told in the words of who asked. */
export async function explainMissing<T>(
  work: Promise<T>,
  { client, address, signal, folderHint }: Missing,
): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!isError(error, "not_found")) throw error;
    const prefix = folderPrefix(address.key);
    // @throws for a bucket that is missing, and names it.
    const query = { prefix, limit: 1 };
    const { items } = await client.call(objectRoutes.list, { params: { bucket: address.bucket }, query, signal });
    if (items.length === 0) {
      throw new SkerryError("not_found", `There is no object ${formatAddress(address)}, or it is not yours to see.`, {
        hint: `skerry ls ${address.bucket}: shows what is there.`,
        cause: error,
      });
    }
    const folder = formatAddress({ bucket: address.bucket, key: prefix });
    throw new SkerryError("invalid", `${folder} is a folder of keys, not an object.`, {
      hint: folderHint(folder),
      cause: error,
    });
  }
}

interface Missing {
  readonly client: Client;
  readonly address: ObjectAddress;
  readonly signal: AbortSignal;
  /** What to do with a folder of keys. */
  readonly folderHint: (folder: string) => string;
}
