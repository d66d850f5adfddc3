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
      if (!outgoing.write(slice)) await taken(outgoing, "drain", options.readerIdleMs, response.cut);
    }
  }
  return bytesOut;
}

/** Ends the answer. Resolves when all of it has been handed over, or the connection is gone. */
export async function finish(outgoing: ServerResponse, readerIdleMs: number): Promise<void> {
  if (outgoing.destroyed || outgoing.writableEnded) return;
  const finished = taken(outgoing, "finish", readerIdleMs);
  outgoing.end();
  await finished;
}

/** The reader has taken what waits. Else, or when the answer's right is lost meanwhile, the connection is cut. */
function taken(
  outgoing: ServerResponse,
  event: "drain" | "finish",
  readerIdleMs: number,
  cut?: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const destroy = () => void outgoing.destroy();
    const done = () => {
      outgoing.setTimeout(0);
      outgoing.off("timeout", destroy).off(event, done).off("close", done);
      cut?.removeEventListener("abort", destroy);
      resolve();
    };
    outgoing.on(event, done).on("close", done).on("timeout", destroy);
    // The socket's own: it sees that a part of what waits was taken, and belongs to the answer whose turn it is.
    outgoing.setTimeout(readerIdleMs);
    cut?.addEventListener("abort", destroy, { once: true });
    if (cut?.aborted) destroy();
  });
}
