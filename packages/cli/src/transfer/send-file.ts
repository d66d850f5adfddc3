/** A file, or a stream, into an object. */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { type ObjectView, objectRoutes } from "@skerry/core/contract/api/object.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { formatAddress, type ObjectAddress } from "./address.ts";
import { METADATA_PREFIX } from "./read-object.ts";

export interface SendOptions {
  readonly client: Client;
  readonly address: ObjectAddress;
  readonly contentType: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
}

/** `follow`: whether the path itself may be a link. @throws what the server answers; errors of the file system as they are. */
export async function sendFile(
  path: string,
  follow: boolean,
  options: SendOptions & { readonly onSize?: (bytes: number) => void },
): Promise<ObjectView> {
  // Not waiting: a pipe that somebody puts there must not hold us.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | (follow ? 0 : constants.O_NOFOLLOW);
  await using handle = await open(path, flags);
  const found = await handle.stat();
  if (found.isDirectory()) {
    throw new SkerryError("invalid", `${path} is a folder.`, {
      hint: "Say -r to copy a folder with all that is in it.",
    });
  }
  if (!found.isFile()) {
    throw new SkerryError("invalid", `${path} is not a plain file.`, {
      hint: `To copy what comes out of it: skerry cp - ${formatAddress(options.address)} < ${path}`,
    });
  }
  options.onSize?.(found.size);
  // Awaited here: the file is open until then.
  return await sendBytes(readWhole(handle, found.size, path), found.size, options);
}

/** As many bytes as the file had when it was opened: the length has been announced. */
async function* readWhole(handle: FileHandle, sizeBytes: number, path: string): AsyncGenerator<Uint8Array> {
  let position = 0;
  while (position < sizeBytes) {
    // A buffer of its own for each read: the one before may still be on its way.
    const buffer = Buffer.allocUnsafe(Math.min(LIMITS.cli.readBytes, sizeBytes - position));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) throw new SkerryError("conflict", `${path} became shorter while it was being read.`);
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Without a size the server learns the end when it comes. What was stored must have the MD5 of what was sent. */
export async function sendBytes(
  bytes: AsyncIterable<Uint8Array>,
  sizeBytes: number | undefined,
  { client, address, contentType, metadata = {}, signal, onBytes }: SendOptions,
): Promise<ObjectView> {
  const hash = createHash("md5");
  const counted = async function* () {
    for await (const part of bytes) {
      hash.update(part);
      yield part;
      onBytes(part.length);
    }
  };
  const stored = await client.upload(objectRoutes.put, {
    params: { bucket: address.bucket, key: address.key },
    headers: {
      "content-type": contentType,
      ...(sizeBytes === undefined ? {} : { "content-length": String(sizeBytes) }),
      ...Object.fromEntries(Object.entries(metadata).map(([name, value]) => [METADATA_PREFIX + name, value])),
    },
    bytes: counted(),
    signal,
  });
  if (stored.etag === hash.digest("hex")) return stored;
  throw new SkerryError("internal/corrupt", `What was stored as ${formatAddress(address)} is not what was sent.`, {
    hint: "It was damaged on the way. Try again.",
  });
}
