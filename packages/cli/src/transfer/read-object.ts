/** Reads an object from its beginning to its end, also over a connection that breaks. */
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import type { TransportResponse } from "@skerry/core/contract/client/transport.ts";
import { isError, SkerryError } from "@skerry/core/contract/errors.ts";
import { formatAddress, type ObjectAddress } from "./address.ts";
import { pauseBeforeRetry } from "./retry.ts";

export interface ObjectFacts {
  readonly sizeBytes: number;
  /** MD5, 32 hex digits. */
  readonly etag: string;
  readonly contentType: string;
  readonly modifiedAt: string | undefined;
  readonly version: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface OpenObject extends ObjectFacts {
  /** All of it, in order. Must be read to its end or returned. */
  readonly bytes: AsyncGenerator<Uint8Array>;
}

export const METADATA_PREFIX = "x-skerry-meta-";

/** @throws `not_found` and what else the server answers; while reading also `unavailable`, `conflict/precondition`. */
export async function openObject(client: Client, address: ObjectAddress, signal: AbortSignal): Promise<OpenObject> {
  const params = { bucket: address.bucket, key: address.key };
  const response = await client.download(objectRoutes.get, { params, signal });
  const facts = readFacts(response, address);
  return { ...facts, bytes: readResumed({ client, address, facts, signal }, response) };
}

/** Gives the connection back. A reading that has not begun lets go of it only when it has. */
export async function endReading({ bytes }: OpenObject): Promise<void> {
  await bytes.next().catch(() => undefined);
  await bytes.return(undefined);
}

/** @throws `not_found` and what else the server answers. */
export async function lookAtObject(client: Client, address: ObjectAddress, signal: AbortSignal): Promise<ObjectFacts> {
  const params = { bucket: address.bucket, key: address.key };
  const response = await client.download(objectRoutes.head, { params, signal }).catch((error: unknown) => {
    // An answer to HEAD has no body that could say it.
    if (!isError(error, "not_found")) throw error;
    throw new SkerryError("not_found", `There is no object ${formatAddress(address)}, or it is not yours to see.`);
  });
  for await (const _ of response.body) {
    // There is none.
  }
  return readFacts(response, address);
}

function readFacts({ headers }: TransportResponse, address: ObjectAddress): ObjectFacts {
  const length = headers["content-length"] ?? "";
  const etag = /^"([0-9a-f]{32})"$/.exec(headers["etag"] ?? "")?.[1];
  if (etag === undefined || !/^\d{1,15}$/.test(length)) {
    throw new SkerryError("internal", `The server did not say how long ${formatAddress(address)} is, or its ETag.`, {
      hint: "Is the address that of a Skerry?",
    });
  }
  // The listing's time, to the millisecond; Last-Modified knows seconds.
  const modified = Date.parse(headers["x-skerry-modified-at"] ?? headers["last-modified"] ?? "");
  const metadata = Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith(METADATA_PREFIX) && value !== undefined ? [[name.slice(METADATA_PREFIX.length), value]] : [],
  );
  return {
    sizeBytes: Number(length),
    etag,
    contentType: headers["content-type"] ?? "application/octet-stream",
    modifiedAt: Number.isNaN(modified) ? undefined : new Date(modified).toISOString(),
    version: headers["x-skerry-version"],
    metadata: Object.fromEntries(metadata),
  };
}

interface Reading {
  readonly client: Client;
  readonly address: ObjectAddress;
  readonly facts: ObjectFacts;
  readonly signal: AbortSignal;
}

/** Goes on behind what has come, as long as it is the same object (`If-Match`), a bounded number of times without progress. */
async function* readResumed(reading: Reading, first: TransportResponse): AsyncGenerator<Uint8Array> {
  const { address, facts, signal } = reading;
  let response: TransportResponse | undefined = first;
  let offset = 0;
  let attempts = 0;
  for (;;) {
    try {
      response ??= await openRest(reading, offset);
      for await (const part of response.body) {
        if (part.length === 0) continue;
        offset += part.length;
        attempts = 0;
        if (offset > facts.sizeBytes)
          throw new SkerryError("internal", `${formatAddress(address)} is longer than it said.`);
        yield part;
      }
      if (offset === facts.sizeBytes) return;
      throw new SkerryError("unavailable", `The connection broke before ${formatAddress(address)} was complete.`);
    } catch (error) {
      await pauseBeforeRetry(error, attempts++, signal);
      response = undefined;
    }
  }
}

async function openRest({ client, address, facts, signal }: Reading, offset: number): Promise<TransportResponse> {
  const params = { bucket: address.bucket, key: address.key };
  const headers = { range: `bytes=${offset}-`, "if-match": `"${facts.etag}"` };
  // An empty object, or one that has come whole but for its end, has no range to ask for.
  if (offset >= facts.sizeBytes) return { status: 206, headers: {}, body: nothing() };
  let response: TransportResponse;
  try {
    response = await client.download(objectRoutes.get, { params, headers, signal });
  } catch (error) {
    if (!isError(error, "conflict/precondition") && !isError(error, "not_found")) throw error;
    throw new SkerryError("conflict/precondition", `${formatAddress(address)} was replaced while it was being read.`, {
      hint: "Try again to get the new one.",
      cause: error,
    });
  }
  const range = /^bytes (\d+)-/.exec(response.headers["content-range"] ?? "");
  if (response.status === 206 && Number(range?.[1]) === offset) return response;
  await response.body[Symbol.asyncIterator]().return?.();
  throw new SkerryError("internal", `The server did not go on with ${formatAddress(address)} where it was asked to.`);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
