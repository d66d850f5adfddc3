/** Calls a dispatcher in the same process: for tests, and for what is built into the daemon. */
import { SkerryError } from "../../domain/errors.ts";
import type { Dispatch } from "../dispatch/dispatcher.ts";
import type { Transport } from "./transport.ts";

export function createInProcessTransport(dispatch: Dispatch, nextId: () => string): Transport {
  return async ({ method, target, headers, body, signal }) => {
    const ended = new AbortController();
    const response = await dispatch(
      {
        id: nextId(),
        method,
        target,
        headers,
        body: bytes(body),
        remoteAddress: "local",
        signal: signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal]),
      },
      { route: "-", principal: "-" },
    );
    return {
      status: response.status,
      headers: response.headers,
      body: (async function* () {
        try {
          yield* bytes(response.body);
        } finally {
          ended.abort(new SkerryError("internal/aborted", "The caller has gone."));
        }
      })(),
    };
  };
}

async function* bytes(body: string | Uint8Array | AsyncIterable<Uint8Array> | undefined): AsyncGenerator<Uint8Array> {
  if (body === undefined) return;
  if (typeof body === "string") yield Buffer.from(body);
  else if (body instanceof Uint8Array) yield body;
  else yield* body;
}
