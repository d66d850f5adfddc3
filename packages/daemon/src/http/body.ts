import type { IncomingMessage, ServerResponse } from "node:http";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";

export interface RequestBody extends AsyncIterable<Uint8Array> {
  readonly bytesRead: number;
  /**
   * The answer went out before the body was read: takes and drops what is still coming for a moment, so that the answer
   * is not lost in a reset, then cuts the connection.
   */
  discard(): void;
}

const DISCARD_MS = 2_000;

/** The body of a request. The first read tells a client that waits for it to continue. */
export function readRequestBody(incoming: IncomingMessage, outgoing: ServerResponse): RequestBody {
  let bytesRead = 0;
  let started = false;
  async function* read(): AsyncGenerator<Uint8Array> {
    if (started) throw new Error("the body of a request is read once");
    started = true;
    if (/100-continue/i.test(incoming.headers.expect ?? "") && !outgoing.headersSent) outgoing.writeContinue();
    incoming.setTimeout(LIMITS.http.bodyIdleTimeoutMs, () => incoming.destroy(stalled()));
    try {
      // `destroyOnReturn: false`: leaving early must not cut the connection before the answer is out.
      for await (const part of incoming.iterator({ destroyOnReturn: false })) {
        bytesRead += (part as Buffer).length;
        yield part as Buffer;
      }
    } catch (error) {
      if (error instanceof SkerryError) throw error;
      throw new SkerryError("internal/aborted", "The client went away before the body was complete.", { cause: error });
    } finally {
      incoming.setTimeout(0);
    }
    if (!incoming.complete) {
      throw new SkerryError("internal/aborted", "The client went away before the body was complete.");
    }
  }
  return {
    [Symbol.asyncIterator]: read,
    get bytesRead() {
      return bytesRead;
    },
    discard() {
      if (incoming.destroyed) return;
      incoming.on("error", () => undefined);
      const cut = setTimeout(() => incoming.socket.destroy(), DISCARD_MS).unref();
      incoming.on("end", () => clearTimeout(cut));
      incoming.resume();
    },
  };
}

function stalled(): SkerryError {
  const seconds = LIMITS.http.bodyIdleTimeoutMs / 1000;
  return new SkerryError("unavailable/timeout", `The request's body stood still for ${seconds} s.`);
}
