/** The server's end of a terminal: from a request to upgrade to the end of the command. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { TerminalSession } from "@skerry/core/contract/dispatch/exchange.ts";
import {
  decodeControl,
  decodeMessage,
  encodeControl,
  encodeMessage,
  SUBPROTOCOL,
} from "@skerry/core/contract/terminal.ts";
import { SkerryError, toProblem, toSkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { type WebSocket, WebSocketServer } from "ws";

const { maxMessageBytes, maxQueuedMessages, maxWindow } = LIMITS.terminal;

const upgrader = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: maxMessageBytes + 1,
  handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
});

/** Whether a WebSocket can be made of the request: asked before anything is started for it. */
function isWebSocket({ headers, method }: IncomingMessage): boolean {
  return (
    method === "GET" &&
    headers.upgrade?.toLowerCase() === "websocket" &&
    headers["sec-websocket-version"] === "13" &&
    /^[+/0-9A-Za-z]{22}==$/.test(headers["sec-websocket-key"] ?? "")
  );
}

/** Resolves when the terminal has ended. `id`: of the request, for errors. `pingMs`: between two signs of life. */
export function serveTerminal(
  incoming: IncomingMessage,
  socket: Socket,
  head: Buffer,
  session: TerminalSession,
  { id, pingMs }: { readonly id: string; readonly pingMs: number },
): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      session.process[Symbol.dispose]();
      session.ended();
      resolve();
    };
    // The client may have gone while the command was started: nobody would hear of it any more.
    if (socket.destroyed) return end();
    // Also when the handshake fails, which closes the socket.
    socket.once("close", end);
    upgrader.handleUpgrade(incoming, socket, head, (connection) => {
      watchLife(connection, pingMs);
      void connect(connection, session, id);
    });
  });
}

async function connect(connection: WebSocket, { process, cut }: TerminalSession, id: string): Promise<void> {
  const fail = (thrown: unknown) => {
    connection.send(encodeControl({ type: "error", problem: toProblem(toSkerryError(thrown), id) }));
    connection.close(1011);
    // One that does not answer the close would stay.
    setTimeout(() => connection.terminate(), LIMITS.http.keepAliveMs).unref();
  };
  connection.on("error", () => connection.terminate());
  connection.on("close", () => process[Symbol.dispose]());
  const lose = () => {
    // At once: the other side may take its time to close, and goes on to write until then.
    process[Symbol.dispose]();
    fail(cut.reason);
  };
  cut.addEventListener("abort", lose, { once: true });
  if (cut.aborted) return lose();
  takeInput(connection, process);
  try {
    for await (const { stream, bytes } of process.output) {
      for (let at = 0; at < bytes.length; at += maxMessageBytes) {
        await send(connection, encodeMessage(stream, bytes.subarray(at, at + maxMessageBytes)));
      }
      if (connection.readyState !== connection.OPEN) return;
    }
    await send(connection, encodeControl({ type: "exit", code: await process.exitCode() }));
    connection.close(1000);
  } catch (error) {
    if (!cut.aborted && connection.readyState === connection.OPEN) fail(error);
  }
}

/** Resolves when the bytes have been handed to the system: a reader that takes nothing makes the command wait. */
function send(connection: WebSocket, message: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    connection.send(message, () => resolve());
  });
}

function takeInput(connection: WebSocket, process: TerminalSession["process"]): void {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  const inTurn = (work: () => unknown) => {
    if (++waiting >= maxQueuedMessages) connection.pause();
    last = last.then(work).then(
      () => undefined,
      () => undefined, // the output tells what is wrong with the command
    );
    void last.finally(() => {
      waiting--;
      if (connection.isPaused) connection.resume();
    });
  };
  connection.on("message", (data: Buffer, isBinary: boolean) => {
    if (connection.readyState !== connection.OPEN) return;
    const message = isBinary ? decodeMessage(data) : undefined;
    if (message?.channel === "stdin") {
      const { bytes } = message;
      inTurn(() => (bytes.length === 0 ? process.endInput() : process.write(bytes)));
      return;
    }
    const control = message?.channel === "control" ? decodeControl(message.bytes) : undefined;
    if (control?.type === "resize" && isSide(control.columns) && isSide(control.rows)) {
      inTurn(() => process.resize(control.columns, control.rows));
      return;
    }
    connection.close(1003, "not skerry.terminal.v1");
  });
}

function isSide(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= maxWindow;
}

/** A peer that vanished without a word would keep its command for ever. */
function watchLife(connection: WebSocket, pingMs: number): void {
  let alive = true;
  connection.on("pong", () => {
    alive = true;
  });
  const timer = setInterval(() => {
    // While the command takes no input nothing is read, and no answer either. A peer that is gone ends the writes.
    if (!alive && !connection.isPaused) return connection.terminate();
    alive = false;
    connection.ping();
  }, pingMs).unref();
  connection.on("close", () => clearInterval(timer));
}

/** @throws `invalid`: said before the route is asked. */
export function assertWebSocket(incoming: IncomingMessage): void {
  if (isWebSocket(incoming)) return;
  throw new SkerryError("invalid", "This is not the handshake of a WebSocket, version 13.");
}
