import type { IncomingMessage, ServerResponse } from "node:http";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import type { PeerTimeouts } from "./timeouts.ts";

export interface RequestBody extends AsyncIterable<Uint8Array> {
  readonly bytesRead: number;
  /**
   * The client waits for a word to send its body. When the answer goes out instead, nobody can tell whether the body comes
   * after all: the connection must end with the answer.
   */
  readonly awaited: boolean;
  /**
   * The answer went out before the body was read: takes and drops what is still coming for a while, because closing at
   * once would be a reset, in which the answer is lost. Then the connection is cut. Resolves when nothing more comes.
   */
  discard(): Promise<void>;
}

/** The body of a request. The first read tells a client that waits for it to continue. */
export function readRequestBody(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  timeouts: PeerTimeouts,
): RequestBody {
  let bytesRead = 0;
  let started = false;
  const asks = /100-continue/i.test(incoming.headers.expect ?? "");
  async function* read(): AsyncGenerator<Uint8Array> {
    if (started) throw new Error("the body of a request is read once");
    started = true;
    if (asks && !outgoing.headersSent) outgoing.writeContinue();
    const giveUp = () => void incoming.destroy(stalled(timeouts.bodyIdleMs));
    incoming.on("timeout", giveUp);
    // Only while the next part is waited for: the pauses of who takes the parts are not the client's.
    incoming.setTimeout(timeouts.bodyIdleMs);
    try {
      // `destroyOnReturn: false`: leaving early must not cut the connection before the answer is out.
      for await (const part of incoming.iterator({ destroyOnReturn: false })) {
        incoming.setTimeout(0);
        bytesRead += (part as Buffer).length;
        yield part as Buffer;
        incoming.setTimeout(timeouts.bodyIdleMs);
      }
    } catch (error) {
      if (error instanceof SkerryError) throw error;
      throw new SkerryError("internal/aborted", "The client went away before the body was complete.", { cause: error });
    } finally {
      incoming.setTimeout(0);
      incoming.off("timeout", giveUp);
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
    get awaited() {
      return asks && !started;
    },
    discard: () => discard(incoming, timeouts),
  };
}

function discard(incoming: IncomingMessage, { lingerIdleMs, lingerMs }: PeerTimeouts): Promise<void> {
  if (incoming.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const cut = () => void incoming.socket.destroy();
    const timer = setTimeout(cut, lingerMs).unref();
    const done = () => {
      clearTimeout(timer);
      incoming.setTimeout(0);
      incoming.off("timeout", cut).off("end", done).off("close", done);
      resolve();
    };
    incoming.on("error", () => undefined);
    incoming.on("timeout", cut).on("end", done).on("close", done);
    incoming.setTimeout(lingerIdleMs);
    incoming.resume();
  });
}

function stalled(idleMs: number): SkerryError {
  return new SkerryError("unavailable/timeout", `The request's body stood still for ${idleMs / 1000} s.`);
}
