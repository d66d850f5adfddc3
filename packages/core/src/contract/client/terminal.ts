/** The client's end of a terminal: a WebSocket to the daemon, over TCP or the unix socket. */
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { fromProblem, type Problem, SkerryError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import { type Control, decodeControl, decodeMessage, encodeControl, encodeMessage, SUBPROTOCOL } from "../terminal.ts";
import { type HttpTarget, openRequest, unreachable } from "./http.ts";
import type { Handshake, MessageHandlers, WebSocketClient } from "./websocket.ts";

export interface Terminal extends Disposable {
  /** What the command says, in order. Ends when it has ended. */
  readonly output: AsyncIterable<{ readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array }>;
  /** Resolves with the command's exit code. @throws what ended it else, `unavailable` when the connection broke. */
  readonly exitCode: Promise<number>;
  /** Resolves when it has been handed over. */
  write(bytes: Uint8Array): Promise<void>;
  /** The command reads the end of its input; its output goes on. */
  endInput(): void;
  resize(columns: number, rows: number): void;
}

export interface TerminalRequest {
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** @throws what the server answered instead, `unavailable` when it cannot be reached. */
export type OpenTerminal = (request: TerminalRequest) => Promise<Terminal>;

export function createTerminalTransport(target: HttpTarget): OpenTerminal {
  return async ({ target: path, headers, signal }) => {
    signal?.throwIfAborted();
    const { createHandshake, WebSocketClient } = await import("./websocket.ts");
    const handshake = createHandshake(SUBPROTOCOL);
    const request = await openRequest(target, { method: "GET", path, headers: { ...headers, ...handshake.headers } });
    const cancel = () => request.destroy();
    if (signal?.aborted) cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      const { socket, head } = await upgraded(request, handshake, target, signal);
      const maxBytes = LIMITS.terminal.maxMessageBytes + 1; // the channel
      return new Connection((handlers) => new WebSocketClient(socket, head, maxBytes, handlers), signal);
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  };
}

function upgraded(
  request: ClientRequest,
  { assertAccepted }: Handshake,
  target: HttpTarget,
  signal: AbortSignal | undefined,
): Promise<{ socket: Duplex; head: Buffer }> {
  return new Promise((resolve, reject) => {
    request.once("upgrade", (answer, socket, head) => {
      try {
        assertAccepted(answer);
        resolve({ socket, head });
      } catch (error) {
        socket.destroy();
        reject(error);
      }
    });
    request.once("response", (answer: IncomingMessage) => {
      readProblem(answer)
        .then(reject, reject)
        .finally(() => request.destroy());
    });
    request.on("error", (error) => reject(signal?.aborted ? signal.reason : unreachable(error, target)));
    request.end();
  });
}

async function readProblem(response: IncomingMessage): Promise<SkerryError> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  const status = response.statusCode ?? 0;
  try {
    return fromProblem({ ...(JSON.parse(Buffer.concat(parts).toString()) as Partial<Problem>), status });
  } catch {
    return new SkerryError(
      "unavailable",
      `The server answered ${status}, and not as Skerry does. Is the address right?`,
    );
  }
}

interface Said {
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

class Connection implements Terminal {
  readonly output: AsyncIterable<Said>;
  readonly exitCode: Promise<number>;
  readonly #socket: WebSocketClient;
  readonly #queue: Said[] = [];
  /** What it ended with; nothing comes behind it. */
  #end: Control | undefined;
  #closed = false;
  #wake: () => void = () => undefined;

  constructor(open: (handlers: MessageHandlers) => WebSocketClient, signal: AbortSignal | undefined) {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.exitCode = promise;
    this.exitCode.catch(() => undefined); // also when only the output is read
    const cut = () => this.#socket.terminate();
    const settle = () => {
      if (this.#closed) return;
      this.#closed = true;
      signal?.removeEventListener("abort", cut);
      if (this.#end?.type === "exit") resolve(this.#end.code);
      else if (this.#end?.type === "error") reject(fromProblem(this.#end.problem));
      else reject(new SkerryError("unavailable", "The connection to the command broke before it had ended."));
      this.#wake();
    };
    this.#socket = open({
      onMessage: (data) => {
        const message = decodeMessage(data);
        if (message?.channel === "control") this.#end = decodeControl(message.bytes);
        else if (message !== undefined && message.channel !== "stdin") {
          this.#push({ stream: message.channel, bytes: message.bytes });
        }
        // Whoever waits for it need not wait for the farewell.
        if (this.#end?.type === "exit" || this.#end?.type === "error") settle();
      },
      onClose: settle,
    });
    this.output = this.#read();
    if (signal?.aborted) cut();
    else signal?.addEventListener("abort", cut, { once: true });
  }

  async write(bytes: Uint8Array): Promise<void> {
    // An empty one would be the end.
    if (bytes.length > 0) await this.#socket.send(encodeMessage("stdin", bytes));
  }

  endInput(): void {
    void this.#socket.send(encodeMessage("stdin", new Uint8Array()));
  }

  resize(columns: number, rows: number): void {
    void this.#socket.send(encodeControl({ type: "resize", columns, rows }));
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  #push(said: Said): void {
    this.#queue.push(said);
    if (this.#queue.length >= LIMITS.terminal.maxQueuedMessages) this.#socket.pause();
    this.#wake();
  }

  async *#read(): AsyncGenerator<Said> {
    for (;;) {
      const said = this.#queue.shift();
      if (said !== undefined) {
        yield said;
        continue;
      }
      if (this.#closed) return;
      this.#socket.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
