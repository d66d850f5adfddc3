/** Calls a dispatcher in the same process: for tests, and for what is built into the daemon. */
import { SkerryError } from "../../domain/errors.ts";
import type { Dispatch } from "../dispatch/dispatcher.ts";
import type { ApiResponse } from "../dispatch/exchange.ts";
import { releasedOnReturn, type Transport, type TransportRequest } from "./transport.ts";

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
    const end = () => ended.abort(new SkerryError("internal/aborted", "The caller has gone."));
    const { status } = response;
    return { status, headers: response.headers, body: releasedOnReturn(untilEnd(response.body, end), end) };
  };
}

async function* untilEnd(body: ApiResponse["body"], end: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes(body);
  } finally {
    end();
  }
}

async function* bytes(body: ApiResponse["body"] | TransportRequest["body"]): AsyncGenerator<Uint8Array> {
  if (body === undefined) return;
  if (typeof body === "string") yield Buffer.from(body);
  else if (body instanceof Uint8Array) yield body;
  else yield* body;
}
