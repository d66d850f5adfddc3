/**
 * The log on standard output, without ever waiting for who reads it: a terminal stopped with Ctrl-S, `| less`, or a
 * supervisor that hangs must not stop the daemon. What the reader does not take waits in a bounded queue.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { droppedLine, type LogDestination } from "./log-destination.ts";

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
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #dropped = 0;
  #untold = 0;
  #lastCode = "";
  #closed = false;

  constructor(descriptor: number, owned: boolean) {
    this.#descriptor = descriptor;
    this.#owned = owned;
  }

  get droppedLines(): number {
    return this.#dropped;
  }

  write(line: string): void {
    if (this.#closed) return this.#drop("closed");
    const bytes = Buffer.from(line);
    if (this.#pendingBytes + bytes.length > LIMITS.log.maxPendingBytes) return this.#drop("EAGAIN");
    if (this.#untold > 0) {
      const told = Buffer.from(droppedLine(this.#untold, this.#lastCode));
      this.#untold = 0;
      this.#push(told);
    }
    this.#push(bytes);
    this.#flush();
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

  #push(bytes: Buffer): void {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
  }

  #drop(code: string): void {
    this.#dropped++;
    this.#untold++;
    this.#lastCode = code;
  }

  #flush(): void {
    if (this.#closed) return;
    while (this.#pending.length > 0) {
      const head = this.#pending[0] as Buffer;
      try {
        const count = writeSync(this.#descriptor, head);
        this.#pendingBytes -= count;
        if (count < head.length) this.#pending[0] = head.subarray(count);
        else this.#pending.shift();
      } catch (error) {
        const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
        if (code === "EAGAIN") return this.#retryLater();
        // Nobody reads any more, or the disk under a redirected file is full: these lines are lost.
        for (const _ of this.#pending) this.#drop(code);
        this.#pending = [];
        this.#pendingBytes = 0;
      }
    }
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
  #untold = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    // Without a listener a reader that went away would end the process.
    stream.on("error", () => undefined);
  }

  get droppedLines(): number {
    return this.#dropped;
  }

  write(line: string): void {
    if (!this.#stream.writable || this.#stream.writableLength + line.length > LIMITS.log.maxPendingBytes) {
      this.#dropped++;
      this.#untold++;
      return;
    }
    if (this.#untold > 0) this.#stream.write(droppedLine(this.#untold, "EAGAIN"));
    this.#untold = 0;
    this.#stream.write(line);
  }

  reopen(): void {}
  close(): void {}
}
