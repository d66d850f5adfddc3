/** One stream (RFC 9113 5.1): a request and its answer. What cannot be sent, or is not taken, waits within the windows. */
import type { FieldBlock } from "./hpack-decoder.ts";
import { END_STREAM, FRAME_BYTES, NO_ERROR } from "./protocol.ts";
import { HeldBytes, type ReceiveWindow } from "./windows.ts";

/** What becomes of a stream. Nothing is called after `onReset`, nor after `reset`. */
export interface StreamOwner {
  /** A head: an interim answer, or the answer. Not called for the request, see `ConnectionOwner.onStream`. */
  onHead(block: FieldBlock, endsStream: boolean): void;
  /** Takes bytes; returns the place behind what it took. The rest is held, and given again at `resume`. */
  onData(bytes: Buffer, from: number, to: number): number;
  onTrailers(block: FieldBlock): void;
  /** The peer sends no more, all that it sent was taken. */
  onEnd(): void;
  /** What `isBlocked` was true for has gone. */
  onDrain(): void;
  /** The peer gave up, or the connection is gone. `isUntouched`: the peer has not begun to work on it. */
  onReset(code: number, isUntouched: boolean): void;
}

/** The connection, as its streams see it. */
export interface StreamHost {
  /** What the peer still takes, of all streams together. */
  sendWindow: number;
  /** It is the client's side. */
  readonly opensStreams: boolean;
  /** The socket takes no more now. */
  readonly isWireBlocked: boolean;
  /** At the end of this turn `emit` is called. */
  wake(stream: Http2Stream): void;
  /** `emit` is called when a window opens; `onDrain` when nothing waits any more. */
  awaitRoom(stream: Http2Stream): void;
  sendHeaders(stream: Http2Stream, block: string, endsStream: boolean): void;
  /** One frame of DATA. The bytes of a buffer are used until the socket has taken them. */
  sendData(stream: Http2Stream, flags: number, data: string | Buffer): void;
  /** Between the two, data is written together. */
  beginWrite(): void;
  endWrite(): void;
  /** The peer's window made DATA tiny. */
  onCrumb(): void;
  sendReset(stream: Http2Stream, code: number): void;
  giveBack(stream: Http2Stream, bytes: number): void;
  /** Bytes of DATA came. */
  onDataCame(bytes: number): void;
  /** Both sides are at their end, or it was reset. */
  onStreamOver(stream: Http2Stream): void;
}

/** What is small is collected until the end of the turn, and goes with everything else in one write. */
const SMALL_BYTES = 8192;
/** DATA of fewer bytes, though there are more, costs more than it brings. */
const CRUMB_BYTES = 64;
/** A stream is blocked when more than this waits. */
const WAITING_BYTES = 16_384;

export class Http2Stream {
  readonly id: number;
  owner: StreamOwner = NOBODY;
  /** What the peer takes. */
  sendWindow: number;
  readonly received: ReceiveWindow;
  /** The peer has sent its last frame. */
  hasPeerEnded = false;
  /** Neither side sends anything more, nor takes it. */
  isOver = false;
  isAwake = false;
  /** The next block of fields is a head, not trailers: the owner says so. */
  awaitsHead: boolean;
  /** All bytes of the body that were sent. */
  bytesOut = 0;

  readonly #host: StreamHost;
  #head: string | undefined;
  #parts: (string | Buffer)[] = [];
  #waitingBytes = 0;
  #trailers: string | undefined;
  #isEnded = false;
  #stopsPeer = false;
  #isEndSent = false;
  readonly #held = new HeldBytes();
  #isGiving = false;
  #resumedMeanwhile = false;
  #heldTrailers: FieldBlock | undefined;
  #isEndTold = false;
  /** Bytes of the body that must still come; below 0: any number. */
  #expected = -1;

  constructor(host: StreamHost, id: number, sendWindow: number, received: ReceiveWindow) {
    this.#host = host;
    this.id = id;
    this.sendWindow = sendWindow;
    this.received = received;
    this.awaitsHead = host.opensStreams;
  }

  /** What waits is more than a little, or the socket takes nothing: do not send now, `onDrain` will be called. */
  get isBlocked(): boolean {
    if (this.isOver || (this.#waitingBytes <= WAITING_BYTES && !this.#host.isWireBlocked)) return false;
    this.#host.awaitRoom(this);
    return true;
  }

  /** What waits goes on only when the peer opens a window. */
  get waitsForWindow(): boolean {
    return this.#waitingBytes > 0 && this.#room() <= 0;
  }

  /** Our side has sent its last frame. */
  get isEndSent(): boolean {
    return this.#isEndSent;
  }

  /** An interim head, at once. */
  sendInterim(block: string): void {
    if (!this.isOver) this.#host.sendHeaders(this, block, false);
  }

  /** `isAll`: neither body nor trailers follow. It may be said later too, by `end`. */
  sendHead(block: string, isAll: boolean): void {
    if (this.isOver) return;
    this.#isEnded = isAll;
    this.#head = block;
    // New streams begin in the order of their numbers.
    if (this.#host.opensStreams) this.emit();
    else this.#host.wake(this);
  }

  sendData(bytes: Buffer, from: number, to: number): void {
    if (this.isOver || from === to) return;
    this.bytesOut += to - from;
    if (to - from <= SMALL_BYTES) {
      this.#wait(bytes.toString("latin1", from, to));
      this.#host.wake(this);
      return;
    }
    let at = from;
    if (!this.#host.isWireBlocked) {
      this.#host.beginWrite();
      this.emit();
      if (this.#waitingBytes === 0) at = this.#sendThrough(bytes, from, to);
      this.#host.endWrite();
    }
    if (at === to || this.isOver) return;
    this.#wait(Buffer.from(bytes.subarray(at, to)));
    this.#host.awaitRoom(this);
  }

  #sendThrough(bytes: Buffer, from: number, to: number): number {
    let at = from;
    while (at < to && !this.#host.isWireBlocked) {
      const count = Math.min(to - at, this.#room());
      if (count <= 0) break;
      this.#sent(count);
      this.#host.sendData(this, 0, bytes.subarray(at, at + count));
      at += count;
    }
    return at;
  }

  #wait(data: string | Buffer): void {
    this.#waitingBytes += data.length;
    const last = this.#parts.length - 1;
    if (typeof data === "string" && typeof this.#parts[last] === "string") this.#parts[last] += data;
    else this.#parts.push(data);
  }

  #room(): number {
    return Math.min(this.sendWindow, this.#host.sendWindow, FRAME_BYTES);
  }

  #sent(count: number): void {
    this.sendWindow -= count;
    this.#host.sendWindow -= count;
  }

  sendTrailers(block: string): void {
    this.#trailers = block;
    this.end();
  }

  /** Nothing more will be sent. */
  end(): void {
    if (this.isOver || this.#isEnded) return;
    this.#isEnded = true;
    this.#host.wake(this);
  }

  /** Sends what waits, as far as the windows allow. By the connection, within one write. */
  emit(): void {
    if (this.isOver) return;
    if (this.#host.isWireBlocked && !this.#host.opensStreams) {
      this.#host.awaitRoom(this);
      return;
    }
    if (this.#head !== undefined) {
      const head = this.#head;
      this.#head = undefined;
      const isAll = this.#isEnded && this.#parts.length === 0 && this.#trailers === undefined;
      this.#host.sendHeaders(this, head, isAll);
      if (isAll) this.#onEndSent();
    }
    while (this.#parts.length > 0) {
      const part = this.#parts[0] as string | Buffer;
      const count = Math.min(part.length, this.#room());
      if (count <= 0 || this.#host.isWireBlocked) {
        this.#host.awaitRoom(this);
        return;
      }
      this.#sendPart(part, count);
    }
    if (this.#isEnded && !this.#isEndSent) this.#sendEnd();
  }

  #sendPart(part: string | Buffer, count: number): void {
    const isWhole = count === part.length;
    if (isWhole) this.#parts.shift();
    else this.#parts[0] = typeof part === "string" ? part.slice(count) : part.subarray(count);
    this.#waitingBytes -= count;
    this.#sent(count);
    const isLast = this.#isEnded && this.#parts.length === 0 && this.#trailers === undefined;
    const data = isWhole ? part : typeof part === "string" ? part.slice(0, count) : part.subarray(0, count);
    this.#host.sendData(this, isLast ? END_STREAM : 0, data);
    if (!isWhole && count < CRUMB_BYTES) this.#host.onCrumb();
    if (isLast) this.#onEndSent();
  }

  #sendEnd(): void {
    if (this.#trailers === undefined) this.#host.sendData(this, END_STREAM, "");
    else this.#host.sendHeaders(this, this.#trailers, true);
    this.#onEndSent();
  }

  #onEndSent(): void {
    this.#isEndSent = true;
    this.#closeWhenDone();
    if (this.#stopsPeer && !this.hasPeerEnded) this.reset(NO_ERROR);
  }

  /** After our last frame the peer hears that it need not send the rest (RFC 9113 8.1). */
  stopPeer(): void {
    this.#stopsPeer = true;
    if (this.#isEndSent && !this.hasPeerEnded) this.reset(NO_ERROR);
  }

  #closeWhenDone(): void {
    if (this.isOver || !this.#isEndSent || !this.#isEndTold) return;
    this.isOver = true;
    this.#host.onStreamOver(this);
  }

  /** The body must be so long; called with the head. */
  expect(bodyBytes: number): void {
    this.#expected = bodyBytes;
  }

  /** DATA begins. False: it is more, or ends with less, than the head has said. */
  takesData(bytes: number, endsStream: boolean): boolean {
    if (this.#expected < 0) return true;
    this.#expected -= bytes;
    return endsStream ? this.#expected === 0 : this.#expected >= 0;
  }

  /** False: what the head has said did not come. */
  get isComplete(): boolean {
    return this.#expected <= 0;
  }

  giveBackPadding(bytes: number): void {
    this.#host.onDataCame(bytes);
    this.#host.giveBack(this, bytes);
  }

  onData(bytes: Buffer, from: number, to: number): void {
    this.#host.onDataCame(to - from);
    const end = this.#held.count > 0 ? from : this.owner.onData(bytes, from, to);
    if (this.isOver) this.#host.giveBack(this, to - from);
    else if (end > from) this.#host.giveBack(this, end - from);
    if (end < to && !this.isOver) this.#held.add(bytes, end, to);
  }

  onPeerEnd(trailers: FieldBlock | undefined): void {
    this.hasPeerEnded = true;
    this.#heldTrailers = trailers;
    if (this.#held.count === 0) this.#tellEnd();
  }

  get hasHeld(): boolean {
    return this.#held.count > 0;
  }

  /** Gives what is held to the owner again. */
  resume(): void {
    if (this.isOver || this.#held.count === 0) return;
    this.#resumedMeanwhile = this.#isGiving;
    if (this.#isGiving) return;
    const count = this.#give();
    if (this.isOver) return;
    if (count > 0) this.#host.giveBack(this, count);
    if (this.#held.count === 0 && this.hasPeerEnded) this.#tellEnd();
  }

  #give(): number {
    let count = 0;
    this.#isGiving = true;
    do {
      this.#resumedMeanwhile = false;
      count += this.#held.give(this.owner);
    } while (this.#resumedMeanwhile && !this.isOver && this.#held.count > 0);
    this.#isGiving = false;
    return count;
  }

  #tellEnd(): void {
    if (this.#isEndTold || this.isOver) return;
    this.#isEndTold = true;
    const trailers = this.#heldTrailers;
    this.#heldTrailers = undefined;
    if (trailers !== undefined) this.owner.onTrailers(trailers);
    if (this.isOver) return;
    this.owner.onEnd();
    this.#closeWhenDone();
  }

  /** What waits is never sent: its peer wants no more of it. */
  dropWaiting(): void {
    this.#parts = [];
    this.#waitingBytes = 0;
  }

  /** Ends it for both sides. What waits is not sent; the owner hears nothing more. */
  reset(code: number): void {
    if (this.isOver) return;
    this.#drop();
    this.#host.sendReset(this, code);
    this.#host.onStreamOver(this);
  }

  /** The peer has broken a rule: both hear of it. */
  fail(code: number): void {
    if (this.isOver) return;
    this.reset(code);
    this.owner.onReset(code, false);
  }

  /** The peer has reset it, or the connection is gone: nothing is sent. */
  onPeerReset(code: number, isUntouched: boolean): void {
    if (this.isOver) return;
    this.#drop();
    this.#host.onStreamOver(this);
    this.owner.onReset(code, isUntouched);
  }

  #drop(): void {
    const held = this.#held.count;
    this.isOver = true;
    this.dropWaiting();
    this.#held.clear();
    if (held > 0) this.#host.giveBack(this, held);
  }
}

const NOBODY: StreamOwner = {
  onHead: () => undefined,
  onData: (_bytes, _from, to) => to,
  onTrailers: () => undefined,
  onEnd: () => undefined,
  onDrain: () => undefined,
  onReset: () => undefined,
};
