/** Writes answers with backpressure; a reader that takes nothing is cut off. */
import type { ServerResponse } from "node:http";
import type { ApiResponse } from "@skerry/core/contract/dispatch/exchange.ts";

const WRITE_BYTES = 256 * 1024;

export interface SendOptions {
  readonly id: string;
  readonly headOnly: boolean;
  readonly readerIdleMs: number;
}

/** Writes head and body; `finish` ends it. Resolves with the bytes of the body that were handed over. */
export async function send(outgoing: ServerResponse, response: ApiResponse, options: SendOptions): Promise<number> {
  const { body } = response;
  const headers: Record<string, string> = {
    ...response.headers,
    "x-request-id": options.id,
    "x-content-type-options": "nosniff",
  };
  if (body === undefined || typeof body === "string" || body instanceof Uint8Array) {
    const bytes = body === undefined ? undefined : Buffer.from(body);
    if (bytes !== undefined) headers["content-length"] = String(bytes.length);
    outgoing.writeHead(response.status, headers);
    if (options.headOnly || bytes === undefined || bytes.length === 0) {
      outgoing.flushHeaders();
      return 0;
    }
    outgoing.write(bytes);
    return bytes.length;
  }
  outgoing.writeHead(response.status, headers);
  outgoing.flushHeaders();
  let bytesOut = 0;
  for await (const part of body) {
    if (outgoing.destroyed) break;
    // In slices: what waits for a slow reader in the socket is one of them, not a buffer of the storage.
    for (let at = 0; at < part.length && !outgoing.destroyed; at += WRITE_BYTES) {
      const slice = part.subarray(at, at + WRITE_BYTES);
      bytesOut += slice.length;
      // Until then its bytes must stay as they are: what made them may use its buffer again for the next.
      const write = (written: Written) => outgoing.write(slice, written);
      await taken(outgoing, write, options.readerIdleMs, response.cut);
    }
  }
  return bytesOut;
}

/** Ends the answer. Resolves when all of it has been handed over, or the connection is gone. */
export async function finish(outgoing: ServerResponse, readerIdleMs: number): Promise<void> {
  if (outgoing.destroyed || outgoing.writableEnded) return;
  const end = (written: Written) => {
    outgoing.end(written);
    return false;
  };
  await taken(outgoing, end, readerIdleMs);
}

type Written = (error?: Error | null) => void;

/**
 * The system has taken what `start` gives the connection, which calls `written` then; `start` says whether there was room
 * for it. When the reader takes nothing, or the answer's right is lost while there is no room, the connection is cut.
 */
function taken(
  outgoing: ServerResponse,
  start: (written: Written) => boolean,
  readerIdleMs: number,
  cut?: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const destroy = () => void outgoing.destroy();
    const done = () => {
      outgoing.setTimeout(0);
      outgoing.off("timeout", destroy).off("close", done);
      cut?.removeEventListener("abort", lose);
      resolve();
    };
    outgoing.on("close", done).on("timeout", destroy);
    // The socket's own: it sees that a part of what waits was taken, and belongs to the answer whose turn it is.
    outgoing.setTimeout(readerIdleMs);
    // What fails is over when the connection is.
    const hasRoom = start((error) => {
      if (!error || outgoing.closed) done();
    });
    // Who makes the answer knows of it, too, and may have a last word.
    const lose = hasRoom ? done : destroy;
    cut?.addEventListener("abort", lose, { once: true });
    if (cut?.aborted) lose();
  });
}
