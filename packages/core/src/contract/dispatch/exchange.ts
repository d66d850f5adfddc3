/** A request and its answer, whatever carries them: HTTP over TCP, HTTP over the unix socket, or a call in the process. */

export interface ApiRequest {
  /** `[A-Za-z0-9._-]{1,64}`; names the request in logs, errors and audit. */
  readonly id: string;
  readonly method: string;
  /** Path and query as they were sent: `/v1/buckets?limit=5`. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: AsyncIterable<Uint8Array>;
  /** Address of the peer; `local` for the unix socket and calls in the process. */
  readonly remoteAddress: string;
  /** Aborts when the peer is gone. */
  readonly signal: AbortSignal;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /**
   * A stream is read to its end or returned early (`return()`); an error in it cuts the connection. A part is good until the
   * next is asked for: whoever sends it waits until the system has it.
   */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /**
   * Of a stream: reads what comes first, and keeps it. Called when the body may be read, before the answer begins: what goes
   * wrong with the first bytes is said instead of it.
   */
  readonly begin?: () => Promise<void>;
  /** Of a stream: aborts when it must end now, also while its reader takes nothing. */
  readonly cut?: AbortSignal;
  /** Instead of a body, with status 101: the transport changes to a WebSocket. */
  readonly terminal?: TerminalSession;
}

/** A command that runs, and the two ends of a terminal that are its input and output. */
export interface TerminalProcess extends Disposable {
  /** Ends when the command has ended. */
  readonly output: AsyncIterable<{ readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array }>;
  /** Resolves when more may be written. */
  write(bytes: Uint8Array): Promise<void>;
  /** It reads the end of its input. */
  endInput(): void;
  resize(columns: number, rows: number): Promise<void>;
  /** After the output has ended. */
  exitCode(): Promise<number>;
}

/** What the transport does with a terminal. */
export interface TerminalSession {
  readonly process: TerminalProcess;
  /** Aborts, with the reason, when it must end now. */
  readonly cut: AbortSignal;
  /** Told once, when it has ended. */
  readonly ended: () => void;
}

/** What the log line of a request says beyond the request. Filled while it is handled. */
export interface RequestFacts {
  route: string;
  principal: string;
  error?: { code: string; reason?: string; cause?: unknown };
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** The client's own id when it is harmless in logs and headers. */
export function acceptableRequestId(text: string | undefined): string | undefined {
  return text !== undefined && REQUEST_ID.test(text) ? text : undefined;
}
