/**
 * The log on standard output, without ever waiting for who reads it: a terminal stopped with Ctrl-S, `| less`, or a
 * supervisor that hangs must not stop the daemon. What the reader does not take waits in a bounded queue.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { LogDestination } from "./log-destination.ts";

const RETRY_MS = 20;

/** For descriptor 1 or 2. */
export function openLogOutput(descriptor: 1 | 2 = 1): LogDestination {
  const own = openOwn(descriptor);
  if (own === "socket") return new SocketOutput(descriptor === 1 ? process.stdout : process.stderr);
  return new LogOutput(own ?? descriptor, own !== undefined);
}

/**
 * A second description of the same terminal or pipe, which may be set to not block without doing the same to the shell that
 * shares the first. Sockets cannot be opened again; a regular file does not block.
 */
function openOwn(descriptor: number): number | "socket" | undefined {
  try {
    const stat = fstatSync(descriptor);
    if (stat.isSocket()) return "socket";
    if (!stat.isFIFO() && !stat.isCharacterDevice()) return undefined;
    const { O_APPEND, O_NOCTTY, O_NONBLOCK, O_WRONLY } = constants;
    return openSync(`/proc/self/fd/${descriptor}`, O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK);
  } catch {
    // A terminal of another user (su): written as it is.
    return undefined;
  }
}

class LogOutput implements LogDestination {
  readonly #descriptor: number;
  readonly #owned: boolean;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  /** The last thing written is the beginning of a line whose rest is lost. */
  #torn = false;
  #timer: NodeJS.Timeout | undefined;
  #dropped = 0;
  #lastFailure: string | undefined;
  #closed = false;

  constructor(descriptor: number, owned: boolean) {
    this.#descriptor = descriptor;
    this.#owned = owned;
  }

  get droppedLines(): number {
    return this.#dropped;
  }

  get lastFailure(): string | undefined {
    return this.#lastFailure;
  }

  write(line: string): boolean {
    const before = this.#dropped;
    const bytes = Buffer.from(this.#torn ? `\n${line}` : line);
    if (this.#closed) {
      this.#drop(1, "closed");
    } else if (this.#pendingBytes + bytes.length > LIMITS.log.maxPendingBytes) {
      this.#drop(1, "EAGAIN");
    } else {
      this.#torn = false;
      this.#pending.push(bytes);
      this.#pendingBytes += bytes.length;
      this.#flush();
    }
    return this.#dropped === before;
  }

  reopen(): void {}

  close(): void {
    const deadlineMs = performance.now() + LIMITS.log.closeMs;
    const sleeper = new Int32Array(new SharedArrayBuffer(4));
    for (;;) {
      this.#flush();
      if (this.#pending.length === 0 || performance.now() > deadlineMs) break;
      Atomics.wait(sleeper, 0, 0, 5);
    }
    clearTimeout(this.#timer);
    if (this.#owned && !this.#closed) closeSync(this.#descriptor);
    this.#closed = true;
  }

  #drop(lines: number, code: string): void {
    this.#dropped += lines;
    this.#lastFailure = code;
  }

  #flush(): void {
    if (this.#closed) return;
    while (this.#pending.length > 0) {
      try {
        this.#writeHead();
      } catch (error) {
        const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
        if (code === "EAGAIN") {
          this.#retryLater();
          return;
        }
        // Nobody reads any more, or the disk under a redirected file is full: these lines are lost.
        this.#drop(this.#pending.length, code);
        this.#pending = [];
        this.#pendingBytes = 0;
      }
    }
  }

  #writeHead(): void {
    const head = this.#pending[0] as Uint8Array;
    const count = writeSync(this.#descriptor, head);
    this.#pendingBytes -= count;
    this.#torn = count < head.length;
    if (this.#torn) this.#pending[0] = head.subarray(count);
    else this.#pending.shift();
  }

  #retryLater(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, RETRY_MS);
    this.#timer.unref();
  }
}

/** A socket (a supervisor's or a parent Node's): Node's own stream does not block on it; its queue is bounded here. */
class SocketOutput implements LogDestination {
  readonly #stream: NodeJS.WriteStream;
  #dropped = 0;
  #lastFailure: string | undefined;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    // Without a listener a reader that went away would end the process.
    stream.on("error", (error: NodeJS.ErrnoException) => {
      this.#lastFailure = error.code;
    });
  }

  get droppedLines(): number {
    return this.#dropped;
  }

  get lastFailure(): string | undefined {
    return this.#lastFailure;
  }

  write(line: string): boolean {
    const full = this.#stream.writableLength + line.length > LIMITS.log.maxPendingBytes;
    if (this.#stream.writable && !full) {
      this.#stream.write(line);
      return true;
    }
    if (full) this.#lastFailure = "EAGAIN";
    this.#dropped++;
    return false;
  }

  reopen(): void {}
  close(): void {}
}
