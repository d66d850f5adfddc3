/**
 * Carries the API over node:http, on the unix socket and on TCP. TCP answers only with our Host, refuses a foreign Origin,
 * takes bearer tokens and sets no cookie; the unix socket is guarded by its mode.
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { type Dispatch, problemResponse } from "@skerry/core/contract/dispatch/dispatcher.ts";
import { type ApiResponse, acceptableRequestId, type RequestFacts } from "@skerry/core/contract/dispatch/exchange.ts";
import { createServer } from "@skerry/core/contract/node-http.ts";
import { SkerryError, toSkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { readRequestBody } from "./body.ts";
import { assertOurs, type Listener } from "./hosts.ts";
import { finish, send } from "./send.ts";
import { assertWebSocket, serveTerminal } from "./terminal.ts";
import { PEER_TIMEOUTS, type PeerTimeouts } from "./timeouts.ts";

export interface RequestRecord extends RequestFacts {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly durationMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly remote: string;
}

export interface ApiServerOptions {
  readonly dispatch: Dispatch;
  readonly listener: Listener;
  readonly monotonicMs: () => number;
  readonly onRequest: (record: RequestRecord) => void;
  /** Tests: shorter ones. */
  readonly timeouts?: PeerTimeouts;
  /** Tests: fewer. */
  readonly maxConnections?: number;
}

/** One listener of the API. Not listening yet. */
export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #timeouts: PeerTimeouts;
  readonly #maxConnections: number;
  readonly #server: Server;
  /** Each connection, and how many of its requests are being served. */
  readonly #sockets = new Map<Socket, number>();
  /** Aborted when the drain begins: long streams end, uploads and downloads go on. */
  readonly #drain = new AbortController();
  #inFlight = 0;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#timeouts = options.timeouts ?? PEER_TIMEOUTS;
    this.#maxConnections = options.maxConnections ?? LIMITS.http.maxConnections;
    this.#server = createServer({
      maxHeaderSize: LIMITS.http.maxHeaderBytes,
      headersTimeout: this.#timeouts.headerMs,
      requestTimeout: 0, // an upload may take hours; standing still is bounded per read
      keepAliveTimeout: LIMITS.http.keepAliveMs,
      connectionsCheckingInterval: 2_000,
      requireHostHeader: true,
      // Any other upgrade is answered as if it had not been asked for.
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === "websocket",
    });
    this.#server.on("connection", (socket) => {
      this.#sockets.set(socket, 0);
      socket.on("close", () => this.#sockets.delete(socket));
      if (this.#sockets.size > this.#maxConnections) this.#makeRoom();
    });
    const serve = (request: IncomingMessage, response: ServerResponse) => {
      const { socket } = request;
      this.#count(socket, 1);
      this.#serve(request, response)
        .catch((error: unknown) => response.destroy(error as Error))
        .finally(() => this.#count(socket, -1));
    };
    this.#server.on("request", serve);
    // Nothing is asked of the client before who it is and whether it may are known; the first read says "continue".
    this.#server.on("checkContinue", serve);
    this.#server.on("upgrade", (request, socket: Socket, head) => {
      this.#count(socket, 1);
      this.#upgrade(request, socket, head)
        .catch(() => socket.destroy())
        .finally(() => this.#count(socket, -1));
    });
    this.#server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
      refuseUnparsed(error, socket as Socket, this.#timeouts.lingerIdleMs);
    });
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** @throws the listening error of Node (EADDRINUSE ...). */
  listen(where: { host: string; port: number } | { path: string }): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(where, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
  }

  /** The port that it listens on; 0 for a unix socket. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Takes no new connections, ends watches, lets requests finish; cuts what is left when the signal aborts. */
  async close(deadline: AbortSignal): Promise<void> {
    this.#drain.abort(new SkerryError("unavailable/draining", "This node is shutting down."));
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    // Also those that have begun to send a request: it would not be served.
    for (const [socket, serving] of this.#sockets) if (serving === 0) socket.destroy();
    const cut = () => {
      for (const socket of this.#sockets.keys()) socket.destroy();
    };
    if (deadline.aborted) cut();
    else deadline.addEventListener("abort", cut, { once: true });
    await closed;
    deadline.removeEventListener("abort", cut);
  }

  /**
   * Closes the oldest connection of which nothing is being served. Those that are opened only to be held give way to those
   * that ask: a request follows its connection within milliseconds.
   */
  #makeRoom(): void {
    for (const [socket, serving] of this.#sockets) {
      if (serving > 0) continue;
      this.#sockets.delete(socket);
      socket.destroy();
      return;
    }
  }

  #count(socket: Socket, change: number): void {
    const serving = this.#sockets.get(socket);
    if (serving !== undefined) this.#sockets.set(socket, serving + change);
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const startMs = this.#options.monotonicMs();
    const id = acceptableRequestId(headerText(incoming.headers["x-request-id"])) ?? randomUUID();
    const facts: RequestFacts = { route: "-", principal: "-" };
    const gone = new AbortController();
    outgoing.on("close", () => gone.abort(new SkerryError("internal/aborted", "The client has gone.")));
    this.#inFlight++;
    let bytesOut = 0;
    const { readerIdleMs } = this.#timeouts;
    const body = readRequestBody(incoming, outgoing, this.#timeouts);
    try {
      const response = await this.#dispatch(incoming, body, id, facts, gone.signal);
      // A client that asks again and again on one connection would outlast every drain.
      if (this.#drain.signal.aborted || (body.awaited && !incoming.complete)) outgoing.setHeader("connection", "close");
      bytesOut = await send(outgoing, response, { id, headOnly: incoming.method === "HEAD", readerIdleMs });
      if (incoming.complete) await finish(outgoing, readerIdleMs);
    } catch (error) {
      // The head is out: there is nobody left to tell. A client that went away is no fault of ours.
      facts.error ??= gone.signal.aborted
        ? { code: "client-gone" }
        : { code: "internal", reason: "aborted", cause: error };
      outgoing.destroy();
    } finally {
      this.#inFlight--;
      // 499 as nginx has it: the client went away first, which is no fault of ours.
      const status = gone.signal.aborted && !outgoing.writableFinished ? 499 : outgoing.statusCode;
      gone.abort(new SkerryError("internal/aborted", "The request has ended."));
      this.#options.onRequest({
        ...facts,
        id,
        method: incoming.method ?? "-",
        path: (incoming.url ?? "-").split("?", 1)[0] ?? "-",
        status,
        durationMs: this.#options.monotonicMs() - startMs,
        bytesIn: body.bytesRead,
        bytesOut,
        remote: remoteAddress(incoming),
      });
    }
    // Before the end of the answer, which may close the connection.
    if (!incoming.complete) await body.discard();
    await finish(outgoing, readerIdleMs);
  }

  /** Resolves when the terminal has ended, or was refused. */
  async #upgrade(incoming: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const startMs = this.#options.monotonicMs();
    const id = acceptableRequestId(headerText(incoming.headers["x-request-id"])) ?? randomUUID();
    const facts: RequestFacts = { route: "-", principal: "-" };
    const gone = new AbortController();
    socket.on("error", () => socket.destroy());
    socket.on("close", () => gone.abort(new SkerryError("internal/aborted", "The client has gone.")));
    const signal = AbortSignal.any([gone.signal, this.#drain.signal]);
    const response = await this.#dispatch(incoming, NOTHING, id, facts, signal);
    if (response.terminal === undefined) answerRaw(socket, response, id, this.#timeouts.lingerIdleMs);
    else await serveTerminal(incoming, socket, head, response.terminal, { id, pingMs: this.#timeouts.pingMs });
    this.#options.onRequest({
      ...facts,
      id,
      method: incoming.method ?? "-",
      path: (incoming.url ?? "-").split("?", 1)[0] ?? "-",
      status: response.status,
      durationMs: this.#options.monotonicMs() - startMs,
      bytesIn: socket.bytesRead,
      bytesOut: socket.bytesWritten,
      remote: remoteAddress(incoming),
    });
  }

  async #dispatch(
    incoming: IncomingMessage,
    body: AsyncIterable<Uint8Array>,
    id: string,
    facts: RequestFacts,
    signal: AbortSignal,
  ): Promise<ApiResponse> {
    try {
      assertOurs(this.#options.listener, incoming);
      if (body === NOTHING) assertWebSocket(incoming);
    } catch (error) {
      const refused = toSkerryError(error);
      facts.error = { code: refused.code, ...(refused.reason === undefined ? {} : { reason: refused.reason }) };
      return problemResponse(refused, id);
    }
    const headers = Object.create(null) as Record<string, string | undefined>;
    for (const [name, value] of Object.entries(incoming.headers)) headers[name] = headerText(value);
    return this.#options.dispatch(
      {
        id,
        method: incoming.method ?? "",
        target: incoming.url ?? "",
        headers,
        body,
        remoteAddress: remoteAddress(incoming),
        signal: AbortSignal.any([signal, this.#drainFor(incoming)]),
      },
      facts,
    );
  }

  /** Only what would never end by itself is ended by the drain. */
  #drainFor(incoming: IncomingMessage): AbortSignal {
    return /[?&](watch|follow)=1\b/.test(incoming.url ?? "") ? this.#drain.signal : NEVER;
  }
}

/** The body of a request to upgrade. */
const NOTHING: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => Readable.from([])[Symbol.asyncIterator]() };
const NEVER = new AbortController().signal;

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(", ") : value;
}

function remoteAddress(incoming: IncomingMessage): string {
  return incoming.socket.remoteAddress ?? "local";
}

/** What Node's parser refuses before there is a request. */
function refuseUnparsed(error: NodeJS.ErrnoException, socket: Socket, lingerMs: number): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const refused =
    error.code === "HPE_HEADER_OVERFLOW"
      ? new SkerryError("invalid/headers", `The headers are larger than ${LIMITS.http.maxHeaderBytes} bytes.`)
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? new SkerryError("unavailable/timeout", "The request's headers did not arrive in time.")
        : new SkerryError("invalid", "This is not an HTTP/1.1 request.");
  const id = randomUUID();
  answerRaw(socket, problemResponse(refused, id), id, lingerMs);
}

/** An answer for which Node has no ServerResponse. The connection closes after it. */
function answerRaw(socket: Socket, { status, headers, body = "" }: ApiResponse, id: string, lingerMs: number): void {
  const text = String(body);
  const lines = Object.entries({ ...headers, "x-request-id": id }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${status} Refused\r\n${lines.join("")}content-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
  );
  socket.resume();
  // One that does not close its side either would keep the connection for ever.
  const cut = setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.on("close", () => clearTimeout(cut));
}
