/**
 * A socket on the data path. Reads and writes go past Node's streams, straight from and to the socket's handle, into a
 * recycled buffer; through an overridden `push` and `_write` where there is no such handle. One call per message where possible.
 * What was not taken, or comes while reading is paused, is held: at most what one read of the kernel's buffer gave.
 */
import type { Socket } from "node:net";
import type { Flusher } from "../http2/flusher.ts";
import { freeRest, keepRest } from "./rests.ts";
import { bytesRead, handleOf, type StreamHandle, writeEncrypted, writeNow, writeTo } from "./stream-handle.ts";

export interface WireOwner {
  /**
   * What the peer has sent is still worth reading when it takes nothing more: an upstream that refuses a body answers, and
   * closes. Else the wire is destroyed when a write fails.
   */
  readonly readsAfterFailedWrite: boolean;
  /**
   * Takes bytes `from` to `to`; returns the place behind what it took. When that is less, the wire holds the rest and
   * reads no more until `resume`. The buffer is used again: what must outlive the call is copied, or the wire paused
   * while a write of it is pending.
   */
  onBytes(buffer: Buffer, from: number, to: number): number;
  /** The peer sends no more; what it sent was taken. Again at each `resume` after that. */
  onEnd(): void;
  /** Everything written has gone to the kernel, after `isBlocked` was true. */
  onDrain(): void;
  /** The socket is gone. Once, also after `destroy`. */
  onClose(): void;
}

type Written = (error?: Error | null) => void;
/** Without a type in @types/node: Node's own sockets take the encoding `buffer` for bytes. */
const BYTES = "buffer" as BufferEncoding;
const nothing = (): void => undefined;
/** Why does not matter: the connection is of no use. */
const FAILED = new Error("A write failed.");
/** More parts than this are copied together: a call for many small ones costs more. */
const MAX_PARTS = 8;

function joined(parts: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : part)));
}

export class Wire {
  readonly socket: Socket;
  owner: WireOwner;
  bytesIn = 0;
  bytesOut = 0;

  #isPaused = false;
  /** Node was told to read no more. */
  #isStopped = false;
  #isDelivering = false;
  #resumedMeanwhile = false;
  #held: Buffer[] = [];
  #hasEnded = false;
  #isWriting = false;
  #isInWrite = false;
  /** A write has failed: nothing more is written. */
  #isBroken = false;
  #isCorked = false;
  #queue: (string | Buffer)[] = [];
  /** Waits for the end of the turn. */
  #later = "";
  #endsAfterWrites = false;
  readonly #isEncrypted: boolean;
  /** What a pending write reads. */
  #rest: Buffer | undefined;
  /** Of a socket that is connected, with TLS when that is done. */
  #handle: StreamHandle | undefined;
  readonly #nextBuffer: () => Buffer;
  /** What the handle reads into. */
  #buffer: Buffer | undefined;
  readonly #written: Written = (error) => this.#onWritten(error);
  readonly #completed = (status: number): void => this.#onWritten(status < 0 ? FAILED : undefined);

  readonly #flusher: Flusher | undefined;

  /** `nextBuffer` gives the buffer for the next read. Without a flusher nothing waits for the end of a turn. */
  constructor(owner: WireOwner, nextBuffer: () => Buffer, socket: Socket, flusher?: Flusher) {
    this.#flusher = flusher;
    this.owner = owner;
    this.#nextBuffer = nextBuffer;
    this.socket = socket;
    this.#isEncrypted = "encrypted" in this.socket;
    this.socket.push = (chunk: Buffer | null): boolean => this.#push(chunk);
    this.socket.on("error", nothing);
    this.socket.once("close", () => this.owner.onClose());
    if (this.socket.connecting)
      this.socket.once(this.#isEncrypted ? "secureConnect" : "connect", () => this.#takeHandle());
    else this.#takeHandle();
    const early = this.socket.readableLength > 0 ? (this.socket.read() as Buffer | null) : null;
    if (early !== null) process.nextTick(() => this.#push(early));
  }

  get isDestroyed(): boolean {
    return this.socket.destroyed;
  }

  /** Something written has not gone to the kernel yet. */
  get isBlocked(): boolean {
    return this.#isWriting;
  }

  /** The peer sent its last byte, and nothing of what it sent is held. */
  get hasEnded(): boolean {
    return this.#hasEnded && this.#held.length === 0;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#isDelivering) this.#resumedMeanwhile = true;
    else this.#pump();
  }

  /** A string is latin1. Bytes are used until this returns; while it is corked, until it no longer is. */
  write(data: string | Buffer): void {
    if (this.socket.destroyed || this.#isBroken) return;
    this.bytesOut += data.length;
    if (this.#isWriting || this.#isCorked) this.#enqueue(data);
    else if (this.#later === "") this.#start(data);
    else this.#startBehind(data);
  }

  /**
   * Goes at the end of this turn of the loop, or with what is written before that. Writes that follow one another wake who
   * reads them once; one by one, between reads, they wake him for each.
   */
  writeSoon(text: string): void {
    if (this.#isWriting || this.#isCorked || this.#flusher === undefined) {
      this.write(text);
      return;
    }
    this.bytesOut += text.length;
    if (this.#later === "") this.#flusher.add(this);
    this.#later += text;
  }

  flush(): void {
    if (this.#later === "" || this.#isCorked) return;
    const text = this.#later;
    this.#later = "";
    if (!this.socket.destroyed && !this.#isBroken) this.#start(text);
  }

  #enqueue(data: string | Buffer): void {
    this.#queue.push(this.#isWriting && typeof data !== "string" ? Buffer.from(data) : data);
  }

  #startBehind(data: string | Buffer): void {
    const text = this.#later;
    this.#later = "";
    if (typeof data === "string") this.#start(text + data);
    else this.#startAll([text, data]);
  }

  /** Until `uncork` what is written is collected, and then goes in one call: a body may come in thousands of pieces. */
  cork(): void {
    this.flush();
    this.#isCorked = true;
  }

  uncork(): void {
    if (!this.#isCorked) return;
    this.#isCorked = false;
    if (!this.#isWriting && this.#queue.length > 0) this.#startQueue();
  }

  /** A head and bytes behind it, in one call. */
  writeBoth(head: string, body: Buffer): void {
    if (this.socket.destroyed || this.#isBroken) return;
    this.bytesOut += head.length + body.length;
    if (this.#isWriting || this.#isCorked) {
      this.#queue.push(head);
      this.#enqueue(body);
    } else {
      const text = this.#later + head;
      this.#later = "";
      this.#startAll([text, body]);
    }
  }

  /** Sends no more, after what is pending. */
  end(): void {
    this.flush();
    if (this.#isWriting) this.#endsAfterWrites = true;
    else if (!this.socket.destroyed) this.socket.end();
  }

  destroy(): void {
    this.flush();
    this.socket.destroy();
  }

  /** Ends so that the peer sees an error, where the kind of socket can (TCP). */
  reset(): void {
    if (this.socket.destroyed) return;
    // While it is being shut down the kernel's handle takes no reset, and Node would never close it.
    const isEnding = this.socket.writableEnded;
    if (isEnding || this.#isEncrypted || this.socket.remoteAddress === undefined) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }

  #takeHandle(): void {
    const handle = handleOf(this.socket);
    if (handle === undefined) return;
    this.#handle = handle;
    this.#buffer = this.#nextBuffer();
    handle.useUserBuffer(this.#buffer);
    const { onread } = handle;
    handle.onread = (bytes) => {
      const count = bytesRead();
      return count > 0 ? this.#onRead(handle, count) : onread.call(handle, bytes);
    };
  }

  /** Gives the buffer for the next read, when it is another one. */
  #onRead(handle: StreamHandle, count: number): Buffer | undefined {
    if (this.socket.destroyed) return undefined;
    const goesOn = this.#deliver(this.#buffer as Buffer, count, true);
    if (this.socket.destroyed) return undefined;
    if (!goesOn) {
      handle.reading = false;
      handle.readStop();
    }
    const next = this.#nextBuffer();
    if (next === this.#buffer) return undefined;
    this.#buffer = next;
    return next;
  }

  #start(data: string | Buffer): void {
    const handle = this.#handle;
    if (handle === undefined) this.#startSocket(data);
    else if (this.#isEncrypted) this.#startEncrypted(handle, [data]);
    else if (typeof data === "string") this.#startHandle(handle, data);
    else this.#startBytes(handle, [data]);
  }

  #startSocket(data: string | Buffer): void {
    this.#isWriting = true;
    this.#isInWrite = true;
    const isText = typeof data === "string";
    this.socket._write(isText ? data : Buffer.from(data), isText ? "latin1" : BYTES, this.#written);
    this.#isInWrite = false;
  }

  #startEncrypted(handle: StreamHandle, parts: readonly (string | Buffer)[]): void {
    if (this.socket.destroyed) return;
    this.#onStarted(writeEncrypted(handle, parts, this.#completed));
  }

  /** What the kernel does not take at once is copied: the buffer that it came in is used again. */
  #startBytes(handle: StreamHandle, parts: readonly (string | Buffer)[]): void {
    // Corked meanwhile, and gone.
    if (this.socket.destroyed) return;
    const taken = writeNow(handle, parts);
    if (taken < 0) {
      this.#isWriting = true;
      this.#isInWrite = true;
      this.#onWritten(FAILED);
      this.#isInWrite = false;
      return;
    }
    this.#rest = keepRest(parts, taken);
    if (this.#rest === undefined) return;
    this.#startHandle(handle, this.#rest);
    if (!this.#isWriting) this.#freeRest();
  }

  #freeRest(): void {
    if (this.#rest !== undefined) freeRest(this.#rest);
    this.#rest = undefined;
  }

  #startHandle(handle: StreamHandle, data: string | Buffer): void {
    if (this.socket.destroyed) return;
    this.#onStarted(writeTo(handle, data, this.#completed));
  }

  /** `left`: as `writeTo` gives it. */
  #onStarted(left: number): void {
    if (left === 0) return;
    this.#isWriting = true;
    if (left > 0) return;
    this.#isInWrite = true;
    this.#onWritten(FAILED);
    this.#isInWrite = false;
  }

  #startQueue(): void {
    const queue = this.#queue;
    this.#queue = [];
    if (queue.length === 1) this.#start(queue[0] as string | Buffer);
    else this.#startAll(queue.length > MAX_PARTS ? [joined(queue)] : queue);
  }

  #startAll(parts: readonly (string | Buffer)[]): void {
    const handle = this.#handle;
    if (handle === undefined) this.#startSocket(joined(parts));
    else if (this.#isEncrypted) this.#startEncrypted(handle, parts);
    else this.#startBytes(handle, parts);
  }

  #onWritten(error?: Error | null): void {
    this.#freeRest();
    if (error && this.owner.readsAfterFailedWrite && !this.socket.destroyed) {
      // Blocked from now on; the end of what can be read ends it.
      this.#isBroken = true;
      this.#queue = [];
      return;
    }
    this.#isWriting = false;
    if (error || this.socket.destroyed) {
      this.socket.destroy();
      return;
    }
    if (this.#queue.length > 0) {
      this.#startQueue();
      if (this.#isWriting) return;
    }
    if (this.#endsAfterWrites) this.socket.end();
    if (!this.#isInWrite) this.owner.onDrain();
  }

  #push(chunk: Buffer | null): boolean {
    if (chunk !== null) return this.#deliver(chunk, chunk.length, false);
    // It has broken off, and the write that failed was told so.
    if (this.#isBroken) {
      this.socket.destroy();
      return false;
    }
    this.#hasEnded = true;
    if (this.#held.length === 0 && !this.#isPaused) this.owner.onEnd();
    return false;
  }

  #deliver(buffer: Buffer, to: number, isRecycled: boolean): boolean {
    this.bytesIn += to;
    let from = 0;
    if (!this.#isPaused) from = this.#give(buffer, to);
    if (from < to && !this.socket.destroyed) {
      const rest = buffer.subarray(from, to);
      this.#held.push(isRecycled ? Buffer.from(rest) : rest);
      this.#isPaused = true;
    }
    this.#isStopped = this.#isPaused;
    return !this.#isPaused;
  }

  /** Gives bytes to the owner, again when it resumes meanwhile; returns the place behind what it took. */
  #give(buffer: Buffer, to: number): number {
    let from = 0;
    this.#isDelivering = true;
    do {
      this.#resumedMeanwhile = false;
      from = this.owner.onBytes(buffer, from, to);
    } while (from < to && this.#resumedMeanwhile && !this.socket.destroyed);
    this.#isDelivering = false;
    return from;
  }

  #pump(): void {
    while (this.#held.length > 0 && !this.#isPaused && !this.socket.destroyed) {
      const buffer = this.#held[0] as Buffer;
      const from = this.#give(buffer, buffer.length);
      if (from === buffer.length) this.#held.shift();
      else {
        this.#held[0] = buffer.subarray(from);
        this.#isPaused = true;
      }
    }
    if (this.#isPaused || this.socket.destroyed) return;
    if (this.#hasEnded) this.owner.onEnd();
    else if (this.#isStopped) {
      this.#isStopped = false;
      this.socket._read(0);
    }
  }
}
