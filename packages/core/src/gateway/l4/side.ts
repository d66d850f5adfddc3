/**
 * One of the two connections of a relay, on Node's own handle. Each read becomes one write to the other side, which is not
 * read from again until the write is done: nothing is buffered but one read.
 */
import type { Socket } from "node:net";
import { bytesRead, writeTo } from "../proxy/stream-handle.ts";
import type { RelayBuffers } from "./buffers.ts";
import { shutDown, type TcpHandle } from "./tcp-handle.ts";

export interface SideOwner {
  /** So many bytes came from it, or moved on. */
  onBytes(side: Side, count: number): void;
  /** It sends no more, or what it was sent has gone. */
  onProgress(): void;
  /** Reset, or a write failed. It is to be closed. */
  onBroken(): void;
}

/** What was read of a connection before: to find out what is spoken on it. */
export interface Early {
  readonly bytes: Buffer;
  readonly hasEnded: boolean;
}

/** Fits any packet. */
const SMALL_BYTES = 500;
/** As libuv numbers them. */
const END_OF_FILE = -4095;
const NOT_CONNECTED = -107;

/** One for all handles. */
function onread(this: object): Buffer | undefined {
  return (this as TcpHandle).reader?.onRead(bytesRead());
}

export class Side {
  /** It has sent its last byte, and that was passed on. */
  hasEnded = false;
  isWriting = false;

  readonly #owner: SideOwner;
  readonly #buffers: RelayBuffers;
  readonly #bulkReadBytes: number;
  /** Undefined: closed. */
  #handle: TcpHandle | undefined;
  /** The socket that had the handle. */
  readonly #shell: Socket | undefined;
  /** What the handle reads into: its own or the shared one. */
  #buffer: Buffer;
  #other: Side | undefined;
  /** Came when it could not be passed on: at most one read, and what was read to find out what it is. */
  #held: Buffer | undefined;
  #endsUnheard = false;
  #isStopped = false;
  #endsAfterWrite = false;
  #hasWritten = false;
  #isHurried = false;
  /** It was told to send no more; and it is not done yet. */
  #isEnding = false;
  #isShuttingDown = false;
  #own: Buffer | undefined;
  #carriesMuch = false;
  #written: ((status: number) => void) | undefined;

  /** Reads nothing before `open`. `shell`: the socket that had the handle. */
  constructor(
    owner: SideOwner,
    buffers: RelayBuffers,
    bulkReadBytes: number,
    handle: TcpHandle,
    shell: Socket | undefined,
    early: Early | undefined,
  ) {
    this.#owner = owner;
    this.#buffers = buffers;
    this.#bulkReadBytes = bulkReadBytes;
    this.#held = early?.bytes;
    this.#endsUnheard = early?.hasEnded === true;
    this.#handle = handle;
    this.#shell = shell;
    this.#buffer = buffers.shared;
    handle.reader = this;
    handle.onread = onread;
    handle.useUserBuffer(this.#buffer);
  }

  get isClosed(): boolean {
    return this.#handle === undefined;
  }

  /** Reads from now on. */
  open(): void {
    const handle = this.#handle;
    if (handle === undefined || handle.reading || this.#endsUnheard) return;
    handle.reading = true;
    if (handle.readStart() < 0) this.#owner.onBroken();
  }

  /** From now on what comes goes there. */
  joinTo(other: Side): void {
    this.#other = other;
    this.resume();
    this.open();
  }

  /** Nothing else may be on its way. */
  write(bytes: Buffer): void {
    const handle = this.#handle;
    if (handle === undefined) return;
    this.#written ??= (status) => this.#onWritten(status);
    // What is small and first waits for nothing that is on its way: many connections are spared the call.
    if (this.#hasWritten || bytes.length > SMALL_BYTES) this.#hurry(handle);
    this.#hasWritten = true;
    const left = writeTo(handle, bytes, this.#written);
    if (left === 0) return;
    this.isWriting = true;
    if (left < 0) this.#owner.onBroken();
  }

  /** The kernel sends at once from now on (TCP_NODELAY). */
  #hurry(handle: TcpHandle): void {
    if (this.#isHurried) return;
    this.#isHurried = true;
    handle.setNoDelay(true);
  }

  /** Sends no more, after what is pending. */
  end(): void {
    if (this.isWriting) this.#endsAfterWrite = true;
    else this.#shutDown();
  }

  #shutDown(): void {
    const handle = this.#handle;
    if (handle === undefined || this.#isEnding) return;
    this.#isEnding = true;
    this.#isShuttingDown = true;
    const error = shutDown(handle, (status) => {
      this.#isShuttingDown = false;
      if (status < 0 && status !== NOT_CONNECTED && this.#handle !== undefined) this.#owner.onBroken();
    });
    if (error < 0 && error !== NOT_CONNECTED) this.#owner.onBroken();
  }

  /** The other side takes more. */
  resume(): void {
    const other = this.#other;
    if (other === undefined || other.isWriting) return;
    const held = this.#held;
    if (held !== undefined) {
      this.#held = undefined;
      other.write(held);
      if (other.isWriting) return;
    }
    if (this.#endsUnheard) this.#passEnd();
    else if (this.#isStopped) {
      this.#isStopped = false;
      this.open();
    }
  }

  /** `isReset`: the peer sees an error. */
  close(isReset: boolean): void {
    const handle = this.#handle;
    if (handle === undefined) return;
    this.#handle = undefined;
    handle.reader = undefined;
    // While it is being shut down it takes no reset, and could not be closed afterwards.
    if (isReset && !this.#isShuttingDown) handle.reset();
    else handle.close();
    this.#shell?.destroy();
  }

  /** Its buffer serves others. Both sides must be closed: no write reads it any more. */
  release(): void {
    if (this.#own !== undefined) this.#buffers.give(this.#own);
    this.#own = undefined;
  }

  /** Gives the buffer for the next read, when it is another one. */
  onRead(count: number): Buffer | undefined {
    if (count === 0 || this.#handle === undefined) return undefined;
    if (count < 0) {
      if (count === END_OF_FILE) this.#passEnd();
      else this.#owner.onBroken();
      return undefined;
    }
    this.#owner.onBytes(this, count);
    this.#carriesMuch = count >= this.#bulkReadBytes;
    this.#pass(this.#buffer === this.#own ? this.#own.subarray(0, count) : copyOf(this.#buffer, count));
    return this.#nextBuffer();
  }

  #nextBuffer(): Buffer | undefined {
    const handle = this.#handle;
    if (handle === undefined) return undefined;
    if (this.#isStopped) {
      handle.reading = false;
      handle.readStop();
      // A write may be reading what is in its own.
      return undefined;
    }
    if (this.#carriesMuch) this.#own ??= this.#buffers.take();
    else this.release();
    const next = this.#own ?? this.#buffers.shared;
    if (next === this.#buffer) return undefined;
    this.#buffer = next;
    return next;
  }

  /** What cannot be passed on stops it. */
  #pass(bytes: Buffer): void {
    const other = this.#other;
    if (other === undefined || other.isWriting) {
      this.#held = Buffer.concat(this.#held === undefined ? [bytes] : [this.#held, bytes]);
      this.#isStopped = true;
    } else {
      other.write(bytes);
      this.#isStopped = other.isWriting;
    }
  }

  #passEnd(): void {
    const other = this.#other;
    this.#endsUnheard = other === undefined || this.#held !== undefined;
    if (other === undefined || this.#held !== undefined || this.hasEnded) return;
    this.hasEnded = true;
    this.#owner.onBytes(this, 0);
    // The second end, with nothing on its way: closing both says it too, and costs less.
    if (!other.hasEnded || other.isWriting || this.isWriting) other.end();
    this.#owner.onProgress();
  }

  #onWritten(status: number): void {
    this.isWriting = false;
    if (this.#handle === undefined) return;
    if (status < 0) {
      this.#owner.onBroken();
      return;
    }
    if (this.#endsAfterWrite) this.#shutDown();
    this.#owner.onBytes(this, 0);
    this.#owner.onProgress();
    if (this.#handle !== undefined) this.#other?.resume();
  }
}

function copyOf(buffer: Buffer, count: number): Buffer {
  const copy = Buffer.allocUnsafe(count);
  buffer.copy(copy, 0, 0, count);
  return copy;
}
