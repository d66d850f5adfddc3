/** The client's end of a terminal: a WebSocket to the daemon, over TCP or the unix socket. */
import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import { fromProblem, type Problem, SkerryError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import { type Control, decodeControl, decodeMessage, encodeControl, encodeMessage, SUBPROTOCOL } from "../terminal.ts";
import type { HttpTarget } from "./http.ts";

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
    const { WebSocket: Socket } = await import("ws");
    const base = "socketPath" in target ? `ws+unix:${target.socketPath}:` : target.url.replace(/^http/, "ws");
    const socket = new Socket(base + path, SUBPROTOCOL, {
      headers: { ...headers, ...("socketPath" in target ? { host: "localhost" } : {}) },
      perMessageDeflate: false,
      maxPayload: LIMITS.terminal.maxMessageBytes + 1,
    });
    const connection = new Connection(socket);
    const close = () => socket.terminate();
    signal?.addEventListener("abort", close, { once: true });
    socket.on("close", () => signal?.removeEventListener("abort", close));
    if (signal?.aborted) close();
    await opened(socket, signal);
    return connection;
  };
}

function opened(socket: WebSocket, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("unexpected-response", (request, response: IncomingMessage) => {
      readProblem(response)
        .then(reject, reject)
        .finally(() => request.destroy());
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "ECONNREFUSED" || error.code === "ENOENT" ? "nothing listens there" : error.message;
      const hint = "Is it running? `skerry up` starts one here; `skerry context ls` shows where this context points.";
      const gone = new SkerryError("unavailable", `The daemon cannot be reached: ${why}.`, { cause: error, hint });
      reject(signal?.aborted ? signal.reason : gone);
    });
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
  readonly #socket: WebSocket;
  readonly #queue: Said[] = [];
  #closed = false;
  #wake: () => void = () => undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("error", () => undefined); // the close tells
    this.exitCode = new Promise((resolve, reject) => {
      let end: Control | undefined;
      socket.on("message", (data: Buffer) => {
        const message = decodeMessage(data);
        if (message?.channel === "control") end = decodeControl(message.bytes);
        else if (message !== undefined && message.channel !== "stdin") {
          this.#push({ stream: message.channel, bytes: message.bytes });
        }
      });
      socket.on("close", () => {
        this.#closed = true;
        this.#wake();
        if (end?.type === "exit") resolve(end.code);
        else if (end?.type === "error") reject(fromProblem(end.problem));
        else reject(new SkerryError("unavailable", "The connection to the command broke before it had ended."));
      });
    });
    this.exitCode.catch(() => undefined); // also when only the output is read
    this.output = this.#read();
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      // An empty one would be the end.
      if (bytes.length === 0 || this.#socket.readyState !== this.#socket.OPEN) return resolve();
      this.#socket.send(encodeMessage("stdin", bytes), () => resolve());
    });
  }

  endInput(): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(encodeMessage("stdin", new Uint8Array()));
  }

  resize(columns: number, rows: number): void {
    if (this.#socket.readyState === this.#socket.OPEN) {
      this.#socket.send(encodeControl({ type: "resize", columns, rows }));
    }
  }

  [Symbol.dispose](): void {
    this.#socket.terminate();
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
