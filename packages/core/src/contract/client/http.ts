/** HTTP over TCP or the unix socket. */
import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { SkerryError } from "../../domain/errors.ts";
import { releasedOnReturn, type Transport, type TransportRequest, type TransportResponse } from "./transport.ts";

/** How long an upload waits to be told to continue before it is sent all the same. */
const CONTINUE_PATIENCE_MS = 2_000;

export type HttpTarget = { readonly socketPath: string } | { readonly url: string };

export function createHttpTransport(target: HttpTarget): Transport {
  return async (request) => {
    const outgoing = await openRequest(target, {
      method: request.method,
      path: request.target,
      headers: { ...request.headers, ...(isStream(request.body) ? { expect: "100-continue" } : {}) },
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    return exchange(outgoing, request, target);
  };
}

/** Nothing has been sent yet. */
export async function openRequest(target: HttpTarget, options: RequestOptions): Promise<ClientRequest> {
  const { options: where, secure } = connection(target);
  const { request } = secure ? await import("node:https") : await import("../node-http.ts");
  return request({ ...where, ...options });
}

function connection(target: HttpTarget): { options: RequestOptions; secure: boolean } {
  // Without a name for TLS, Node would look whether the host is an address, by an expression that takes 5 ms to compile.
  const plain = { servername: "" };
  if ("socketPath" in target) {
    return { options: { ...plain, socketPath: target.socketPath, host: "localhost" }, secure: false };
  }
  const url = new URL(target.url);
  // An IPv6 address stands in brackets in a URL only.
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (url.protocol === "https:") return { options: { host, port: url.port }, secure: true };
  return { options: { ...plain, host, port: url.port }, secure: false };
}

function isStream(body: TransportRequest["body"]): body is AsyncIterable<Uint8Array> {
  return typeof body === "object";
}

function exchange(outgoing: ClientRequest, request: TransportRequest, target: HttpTarget): Promise<TransportResponse> {
  return new Promise((resolve, reject) => {
    let answered = false;
    let bodyError: unknown;
    outgoing.on("response", (incoming: IncomingMessage) => {
      answered = true;
      const headers: Record<string, string | undefined> = {};
      for (const [name, value] of Object.entries(incoming.headers)) {
        headers[name] = Array.isArray(value) ? value.join(", ") : value;
      }
      const body = releasedOnReturn(readAll(incoming, target), () => incoming.destroy());
      resolve({ status: incoming.statusCode ?? 0, headers, body });
    });
    outgoing.on("error", (error: NodeJS.ErrnoException) => {
      // After an early answer the rest of an upload runs into a closed connection: the answer is what counts.
      if (!answered)
        reject(request.signal?.aborted ? request.signal.reason : (bodyError ?? unreachable(error, target)));
    });
    if (!isStream(request.body)) {
      outgoing.end(request.body);
      return;
    }
    const body = request.body;
    outgoing.flushHeaders();
    let sending = false;
    const start = () => {
      if (sending || answered || outgoing.destroyed) return;
      sending = true;
      send(outgoing, body, () => answered).catch((error: unknown) => {
        bodyError = error;
        outgoing.destroy();
      });
    };
    outgoing.once("continue", start);
    // A proxy in between may never say it.
    const closed = new AbortController();
    outgoing.once("close", () => closed.abort());
    sleep(CONTINUE_PATIENCE_MS, undefined, { signal: closed.signal, ref: false }).then(start, () => undefined);
  });
}

async function send(outgoing: ClientRequest, body: AsyncIterable<Uint8Array>, answered: () => boolean): Promise<void> {
  for await (const part of body) {
    if (answered() || outgoing.destroyed) return;
    if (!outgoing.write(part)) await drained(outgoing);
  }
  outgoing.end();
}

function drained(outgoing: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off("drain", done).off("close", done).off("response", done);
      resolve();
    };
    outgoing.on("drain", done).on("close", done).on("response", done);
  });
}

async function* readAll(incoming: IncomingMessage, target: HttpTarget): AsyncGenerator<Uint8Array> {
  try {
    for await (const part of incoming) yield part as Buffer;
  } catch (error) {
    throw new SkerryError(
      "unavailable",
      `The connection to ${describe(target)} broke before the answer was complete.`,
      {
        cause: error,
        hint: "Try again; what was acknowledged is kept.",
      },
    );
  }
}

export function unreachable(error: NodeJS.ErrnoException, target: HttpTarget): SkerryError {
  const why: Record<string, string> = {
    ECONNREFUSED: "nothing listens there",
    ENOENT: "its socket does not exist",
    EACCES: "its socket belongs to another user",
    ECONNRESET: "it closed the connection",
    EPIPE: "it closed the connection",
    ENOTFOUND: "its name is not known",
    ETIMEDOUT: "it does not answer",
  };
  const reason = why[error.code ?? ""] ?? error.code ?? "the connection failed";
  return new SkerryError("unavailable", `The daemon at ${describe(target)} cannot be reached: ${reason}.`, {
    cause: error,
    hint:
      "Is it running? `skerry up` starts one here; `skerry context ls` shows where this context points.\n" +
      "For one of another user or machine: skerry login --url URL",
  });
}

function describe(target: HttpTarget): string {
  return "socketPath" in target ? target.socketPath : target.url;
}
