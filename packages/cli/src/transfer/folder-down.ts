/** What begins with a prefix into a folder: a few files at once, each whole or not at all, none outside of it. */
import { mkdir } from "node:fs/promises";
import { type ObjectView, objectRoutes } from "@skerry/core/contract/api/object.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import type { Progress } from "../output/progress.ts";
import { formatAddress, type ObjectAddress } from "./address.ts";
import { Directory } from "./directory.ts";
import { endsAll, type Failures } from "./failures.ts";
import { forEachParallel } from "./parallel.ts";
import { endReading, openObject } from "./read-object.ts";
import { retrying } from "./retry.ts";
import { FileAsFolder, holdTarget, safeSegments } from "./safe-path.ts";
import { saveInto } from "./save-object.ts";

export interface FolderTransfer {
  readonly client: Client;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly failures: Failures;
}

/** Objects whose keys begin with it, in the order of their bytes. */
export async function* listObjects(
  client: Client,
  { bucket, key }: ObjectAddress,
  signal: AbortSignal,
): AsyncGenerator<ObjectView> {
  let page: string | undefined;
  do {
    const query = { ...(key === "" ? {} : { prefix: key }), ...(page === undefined ? {} : { page }) };
    const next = () => client.call(objectRoutes.list, { params: { bucket }, query, signal });
    // The first page tells whether there is a daemon at all: it is not tried again.
    const answer = await (page === undefined ? next() : retrying(signal, next));
    yield* answer.items;
    page = answer.nextPage;
  } while (page !== undefined);
}

/** Resolves with the number of files that were copied. `from.key` is the prefix, ending with a slash, or empty. */
export async function copyFolderDown(from: ObjectAddress, root: string, transfer: FolderTransfer): Promise<number> {
  const { client, signal, progress, failures } = transfer;
  const ended = new AbortController();
  const together = AbortSignal.any([signal, ended.signal]);
  if (progress.shown) void measure(from, transfer, together);
  const filesAsFolders = new FileAsFolder();
  let copied = 0;
  let opened: Promise<Directory> | undefined;
  try {
    await forEachParallel(listObjects(client, from, signal), async ({ key }) => {
      const address = { bucket: from.bucket, key };
      // Before anything is waited for: the keys must come in their order.
      const file = filesAsFolders.check(key);
      opened ??= makeRoot(root);
      const directory = await opened;
      let got = 0;
      const onBytes = (bytes: number) => {
        got += bytes;
        progress.add(bytes);
      };
      try {
        if (file !== undefined) {
          throw new SkerryError(
            "invalid",
            `It is not copied: ${formatAddress({ ...from, key: file })} is an object too, and a file cannot be a folder.`,
          );
        }
        const segments = safeSegments(key.slice(from.key.length));
        await using target = await holdTarget(directory, segments);
        const object = await retrying(signal, () => openObject(client, address, together));
        await using _connection = { [Symbol.asyncDispose]: () => endReading(object) };
        await saveInto(object, target, { address, onBytes });
        copied++;
        failures.succeed();
      } catch (error) {
        progress.add(-got);
        if (signal.aborted || endsAll(error)) throw error;
        failures.add(formatAddress(address), error);
      }
    });
  } finally {
    ended.abort();
    await closeRoot(opened);
  }
  if (opened !== undefined) return copied;
  throw new SkerryError("not_found", `There is nothing at ${formatAddress(from)}, or it is not yours to see.`, {
    hint: `skerry ls ${from.bucket}: shows what is there.`,
  });
}

/** The destination itself may be a link: the user named it. */
async function makeRoot(path: string): Promise<Directory> {
  await mkdir(path, { recursive: true });
  return Directory.open(path);
}

async function closeRoot(opened: Promise<Directory> | undefined): Promise<void> {
  const directory = await opened?.catch(() => undefined);
  await directory?.[Symbol.asyncDispose]();
}

/** The whole, for the bar only: what fails here fails there too. */
async function measure(
  from: ObjectAddress,
  { client, progress, failures }: FolderTransfer,
  signal: AbortSignal,
): Promise<void> {
  try {
    let total = 0;
    let files = 0;
    for await (const { sizeBytes } of listObjects(client, from, signal)) {
      total += sizeBytes;
      files++;
    }
    failures.setTotal(files);
    progress.setTotal(total);
  } catch {
    // The bar goes on without an end.
  }
}
