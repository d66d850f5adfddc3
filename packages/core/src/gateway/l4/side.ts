/**
 * One of the two sockets of a relay. Reads and writes go past Node's streams, as in `proxy/wire.ts`, and each read becomes
 * one write to the other side, which is not read from again until the write is done: nothing is buffered but one read.
 */
import type { OnReadOpts, Socket } from "node:net";
import type { RelayBuffers } from "./buffers.ts";

export interface SideOwner {
  /** So many bytes came from it, or moved on. */
  onBytes(side: Side, count: number): void;
  /** It sends no more, or what it was sent has gone. */
  onProgress(): void;
  /** Reset, or a write failed. */
  onBroken(): void;
}

/** What was read of a connection before: to find out what is spoken on it. */
export interface Early {
  readonly bytes: Buffer;
  readonly hasEnded: boolean;
}

/** Node's own sockets take the encoding `buffer` for bytes. */
const BYTES = "buffer" as BufferEncoding;
const nothing = (): void => undefined;

export class Side {
  readonly socket: Socket;
  /** It has sent its last byte, and that was passed on. */
  hasEnded = false;
  isWriting = false;

  readonly #owner: SideOwner;
  readonly #buffers: RelayBuffers;
  readonly #bulkReadBytes: number;
  #other: Side | undefined;
  /** Came when it could not be passed on: at most one read, and what was read to find out what it is. */
  #held: Buffer | undefined;
  #endsUnheard = false;
  #isStopped = false;
  #isInWrite = false;
  #endsAfterWrite = false;
  #own: Buffer | undefined;
  #carriesMuch = false;
  readonly #written = (error?: Error | null): void => this.#onWritten(error);

  /** `make` opens the socket, which reads as it is told. */
  constructor(
    owner: SideOwner,
    buffers: RelayBuffers,
    bulkReadBytes: number,
    make: (onread: OnReadOpts) => Socket,
    early?: Early,
  ) {
    this.#owner = owner;
    this.#buffers = buffers;
    this.#bulkReadBytes = bulkReadBytes;
    this.#held = early?.bytes;
    this.#endsUnheard = early?.hasEnded === true;
    this.socket = make({
      buffer: () => this.#nextBuffer(),
      callback: (count, buffer) => this.#take(count, buffer as Buffer),
    });
    this.socket.push = (chunk: Buffer | null): boolean => this.#push(chunk);
    this.socket.on("error", nothing);
    this.socket.once("close", () => owner.onBroken());
  }

  /** From now on what comes goes there. */
  joinTo(other: Side): void {
    this.#other = other;
    this.resume();
  }

  /** Nothing else may be on its way. */
  write(bytes: Buffer): void {
    this.isWriting = true;
    this.#isInWrite = true;
    this.socket._write(bytes, BYTES, this.#written);
    this.#isInWrite = false;
  }

  /** Sends no more, after what is pending. */
  end(): void {
    if (this.isWriting) this.#endsAfterWrite = true;
    else this.socket.end();
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
    else if (this.#isStopped && !this.socket.destroyed) {
      this.#isStopped = false;
      this.socket._read(0);
    }
  }

  /** Its buffer serves others. Both sides must be destroyed: no write reads it any more. */
  release(): void {
    if (this.#own !== undefined) this.#buffers.give(this.#own);
    this.#own = undefined;
  }

  #nextBuffer(): Buffer {
    // While it is stopped a write may be reading what is in its own.
    if (!this.#isStopped) {
      if (this.#carriesMuch) this.#own ??= this.#buffers.take();
      else this.release();
    }
    return this.#own ?? this.#buffers.shared;
  }

  #take(count: number, buffer: Buffer): boolean {
    this.#owner.onBytes(this, count);
    this.#carriesMuch = count >= this.#bulkReadBytes;
    const bytes = buffer === this.#own ? buffer.subarray(0, count) : Buffer.from(buffer.subarray(0, count));
    return this.#pass(bytes);
  }

  /** False: it is not read from until that has gone. */
  #pass(bytes: Buffer): boolean {
    const other = this.#other;
    if (other === undefined || other.isWriting) {
      this.#held = Buffer.concat(this.#held === undefined ? [bytes] : [this.#held, bytes]);
      this.#isStopped = true;
    } else {
      other.write(bytes);
      this.#isStopped = other.isWriting;
    }
    return !this.#isStopped;
  }

  #push(chunk: Buffer | null): boolean {
    if (chunk === null) {
      this.#passEnd();
      return false;
    }
    this.#owner.onBytes(this, chunk.length);
    return this.#pass(chunk);
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

  #onWritten(error?: Error | null): void {
    this.isWriting = false;
    if (error || this.socket.destroyed) {
      this.#owner.onBroken();
      return;
    }
    if (this.#endsAfterWrite) this.socket.end();
    if (this.#isInWrite) return;
    this.#owner.onBytes(this, 0);
    this.#owner.onProgress();
    if (!this.socket.destroyed) this.#other?.resume();
  }
}
