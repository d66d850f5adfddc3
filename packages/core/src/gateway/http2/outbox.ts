/**
 * What a connection sends. Frames are collected as latin1 text until the end of a turn, when the streams that have something
 * put theirs to it, and go in one write; large data goes along without being copied.
 */
import type { Wire } from "../proxy/wire.ts";
import type { Flusher } from "./flusher.ts";
import type { Http2Stream } from "./stream.ts";

export class Outbox {
  readonly #flusher: Flusher;
  readonly #onFlushed: () => void;
  #wire: Wire | undefined;
  #text = "";
  #depth = 0;
  #isFlushDue = false;
  /** Streams that have something to send. */
  #awake: Http2Stream[] = [];
  /** Streams that wait for a window or the socket, in the order in which they get room. */
  readonly #blocked = new Set<Http2Stream>();
  /** Those may go on. */
  #hasRoom = false;

  /** `onFlushed` is called after each turn's write. */
  constructor(flusher: Flusher, onFlushed: () => void) {
    this.#flusher = flusher;
    this.#onFlushed = onFlushed;
  }

  set wire(wire: Wire) {
    this.#wire = wire;
  }

  get isBlocked(): boolean {
    return this.#wire?.isBlocked !== false;
  }

  /** Bytes of frames that have not gone to the wire. */
  get waitingBytes(): number {
    return this.#text.length;
  }

  put(frames: string): void {
    this.#text += frames;
    this.flushSoon();
  }

  /** A frame's head and its bytes, which are used until the socket has taken them. Between `begin` and `end`. */
  putBytes(head: string, bytes: Buffer): void {
    const text = this.#text + head;
    this.#text = "";
    this.#wire?.writeBoth(text, bytes);
  }

  wake(stream: Http2Stream): void {
    if (stream.isAwake) return;
    stream.isAwake = true;
    this.#awake.push(stream);
    this.flushSoon();
  }

  awaitRoom(stream: Http2Stream): void {
    this.#blocked.add(stream);
  }

  forget(stream: Http2Stream): void {
    this.#blocked.delete(stream);
  }

  /** A window has opened. */
  onRoom(): void {
    this.#hasRoom = true;
    if (this.#blocked.size > 0) this.flushSoon();
  }

  /** The socket takes more. */
  onDrain(): void {
    this.#hasRoom = true;
    this.flush();
  }

  flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    this.#flusher.add(this);
  }

  flush(): void {
    this.#isFlushDue = false;
    if (this.#wire === undefined) return;
    this.begin();
    if (!this.isBlocked) {
      this.#emitAwake();
      if (this.#hasRoom) this.#serveBlocked();
    }
    this.end();
    this.#onFlushed();
  }

  #emitAwake(): void {
    const awake = this.#awake;
    if (awake.length === 0) return;
    this.#awake = [];
    for (const stream of awake) {
      stream.isAwake = false;
      stream.emit();
      if (this.#blocked.has(stream)) this.#tellWhenGone(stream);
    }
  }

  /** What was too much for one turn may go in it: no window opens then that would say so. */
  #tellWhenGone(stream: Http2Stream): void {
    if (stream.isOver || stream.isBlocked) return;
    if (!stream.waitsForWindow) this.#blocked.delete(stream);
    stream.owner.onDrain();
  }

  #serveBlocked(): void {
    this.#hasRoom = false;
    const blocked = [...this.#blocked];
    this.#blocked.clear();
    for (const stream of blocked) stream.emit();
    // Asking puts those that still are at the end.
    for (const stream of blocked) if (!stream.isOver && !stream.isBlocked) stream.owner.onDrain();
  }

  /** Until `end` what is written is collected. They nest. */
  begin(): void {
    if (this.#depth++ === 0) this.#wire?.cork();
  }

  end(): void {
    if (--this.#depth > 0) return;
    if (this.#text !== "" && !this.isBlocked) {
      const text = this.#text;
      this.#text = "";
      this.#wire?.write(text);
    }
    this.#wire?.uncork();
  }

  /** What waits is written behind what the socket has not taken yet, and then its end. Nothing is sent after `last`. */
  close(last: string): void {
    const wire = this.#wire;
    this.#wire = undefined;
    const text = this.#text + last;
    this.#text = "";
    if (text !== "") wire?.write(text);
    wire?.uncork();
    wire?.end();
  }
}
