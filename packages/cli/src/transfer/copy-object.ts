/** From bucket to bucket, through this machine: with its type and metadata. */
import type { ObjectView } from "@skerry/core/contract/api/object.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { formatAddress, type ObjectAddress } from "./address.ts";
import { endsAll } from "./failures.ts";
import { type FolderTransfer, listObjects } from "./folder-down.ts";
import { forEachParallel } from "./parallel.ts";
import { endReading, openObject } from "./read-object.ts";
import { sendBytes } from "./send-file.ts";

export interface CopyOptions {
  readonly client: Client;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
}

export async function copyObject(
  from: ObjectAddress,
  to: ObjectAddress,
  { client, signal, onBytes }: CopyOptions,
): Promise<ObjectView> {
  const object = await openObject(client, from, signal);
  // What is refused before a byte of it was asked for would stay open.
  await using _connection = { [Symbol.asyncDispose]: () => endReading(object) };
  const { contentType, metadata, sizeBytes } = object;
  const stored = await sendBytes(object.bytes, sizeBytes, {
    client,
    address: to,
    contentType,
    metadata,
    signal,
    onBytes,
  });
  if (stored.etag === object.etag) return stored;
  throw new SkerryError("internal/corrupt", `${formatAddress(to)} is not what ${formatAddress(from)} was.`, {
    hint: "It was damaged on the way. Try again.",
  });
}

/** Both keys are prefixes, ending with a slash, or empty. Resolves with the number of objects. */
export async function copyFolderAcross(
  from: ObjectAddress,
  to: ObjectAddress,
  transfer: FolderTransfer,
): Promise<number> {
  const { client, signal, progress, failures } = transfer;
  if (from.bucket === to.bucket && to.key.startsWith(from.key)) {
    throw new SkerryError("invalid", `${formatAddress(to)} lies in ${formatAddress(from)}: the copy would never end.`);
  }
  let copied = 0;
  await forEachParallel(listObjects(client, from, signal), async ({ key }) => {
    const source = { bucket: from.bucket, key };
    let sent = 0;
    const onBytes = (bytes: number) => {
      sent += bytes;
      progress.add(bytes);
    };
    try {
      const target = { bucket: to.bucket, key: to.key + key.slice(from.key.length) };
      await copyObject(source, target, { client, signal, onBytes });
      copied++;
      failures.succeed();
    } catch (error) {
      progress.add(-sent);
      if (signal.aborted || endsAll(error)) throw error;
      failures.add(formatAddress(source), error);
    }
  });
  if (copied > 0 || failures.count > 0) return copied;
  throw new SkerryError("not_found", `There is nothing at ${formatAddress(from)}, or it is not yours to see.`, {
    hint: `skerry ls ${from.bucket}: shows what is there.`,
  });
}
