/** A folder into a bucket: a few files at once; what fails is told, the others go on. */
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { formatAddress, type ObjectAddress } from "./address.ts";
import { endsAll } from "./failures.ts";
import type { FolderTransfer } from "./folder-down.ts";
import { mediaType } from "./media-type.ts";
import { forEachParallel } from "./parallel.ts";
import { retrying } from "./retry.ts";
import { sendFile } from "./send-file.ts";
import { walk } from "./walk.ts";

/** Resolves with the number of files that were copied. `to.key` is the prefix, ending with a slash, or empty. */
export async function copyFolderUp(
  root: string,
  to: ObjectAddress,
  follow: boolean,
  transfer: FolderTransfer,
): Promise<number> {
  const { client, signal, progress, failures } = transfer;
  const ended = new AbortController();
  if (progress.shown) void measure(root, follow, transfer, AbortSignal.any([signal, ended.signal]));
  const files = walk(root, {
    follow,
    onSkip: (path, why) => failures.skip(path, why),
    onError: (path, error) => failures.add(path, error),
  });
  let copied = 0;
  /** Whether anything was taken yet. Until then it is not known that there is a daemon at all, and nothing is tried again. */
  let reached = false;
  try {
    await forEachParallel(files, async ({ path, relative }) => {
      const address = { bucket: to.bucket, key: to.key + relative };
      try {
        const contentType = mediaType(path);
        const send = async () => {
          let sent = 0;
          const onBytes = (bytes: number) => {
            sent += bytes;
            reached = true;
            progress.add(bytes);
          };
          try {
            await sendFile(path, follow, { client, address, contentType, signal, onBytes });
          } catch (error) {
            progress.add(-sent);
            throw error;
          }
        };
        await retrying(signal, send, () => reached);
        copied++;
        failures.succeed();
      } catch (error) {
        if (signal.aborted || endsAll(error)) throw error;
        failures.add(path, error);
      }
    });
  } finally {
    ended.abort();
  }
  if (copied > 0 || failures.count > 0 || failures.skipped > 0) return copied;
  throw new SkerryError("not_found", `There is no file in ${root} to copy to ${formatAddress(to)}.`);
}

/** The whole, for the bar only. */
async function measure(
  root: string,
  follow: boolean,
  { progress, failures }: FolderTransfer,
  signal: AbortSignal,
): Promise<void> {
  try {
    let total = 0;
    let files = 0;
    const ignore = () => undefined;
    for await (const { sizeBytes } of walk(root, { follow, onSkip: ignore, onError: ignore })) {
      if (signal.aborted) return;
      total += sizeBytes;
      files++;
    }
    failures.setTotal(files);
    progress.setTotal(total);
  } catch {
    // The bar goes on without an end.
  }
}
