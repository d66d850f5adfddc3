/** Filters that keep what goes through, or give what was kept. */
import type { AnswerFilter, FilterHost } from "../filter.ts";

/**
 * Copies what goes through, for who keeps it. A client that is slower than the upstream does not slow it down as long as all
 * of it is kept: others wait for the same. What it has not taken waits here, and the keeper says how much may.
 */
export class Tap implements AnswerFilter, FilterHost {
  /** What it goes through then. */
  next: AnswerFilter | undefined;
  readonly #host: FilterHost;
  readonly #keeper: Keeper;
  /** What the client has not taken, from `#at` on. */
  readonly #waiting: Buffer[] = [];
  #at = 0;
  #isHeldUp = false;
  /** All of it has come. */
  #trailers: string | undefined;

  constructor(host: FilterHost, keeper: Keeper) {
    this.#host = host;
    this.#keeper = keeper;
  }

  get isBlocked(): boolean {
    return !this.absorbs && (this.#at < this.#waiting.length || this.next?.isBlocked === true);
  }

  get absorbs(): boolean {
    return this.#keeper.isKeeping;
  }

  take(buffer: Buffer, from: number, to: number): void {
    this.give(Buffer.from(buffer.subarray(from, to)));
  }

  give(bytes: Buffer): void {
    if (this.#isHeldUp) {
      this.#waiting.push(bytes);
      this.#keeper.ahead(bytes.length);
    } else this.#pass(bytes);
    this.#keeper.take(bytes);
  }

  #pass(bytes: Buffer): void {
    if (this.next === undefined) this.#isHeldUp = !this.#host.onFiltered(bytes);
    else {
      this.next.give(bytes);
      this.#isHeldUp = this.next.isBlocked;
    }
  }

  flush(): void {
    this.next?.flush();
  }

  end(trailers: string): void {
    this.#keeper.end(trailers);
    this.#trailers = trailers;
    this.#goOn();
  }

  /** Of the client, or of what it goes through. */
  resume(): void {
    this.next?.resume();
    this.#isHeldUp = this.next?.isBlocked === true;
    this.#goOn();
  }

  #goOn(): void {
    while (!this.#isHeldUp && this.#at < this.#waiting.length) {
      const bytes = this.#waiting[this.#at] as Buffer;
      this.#waiting[this.#at++] = NOTHING;
      this.#keeper.ahead(-bytes.length);
      this.#pass(bytes);
    }
    if (this.#at < this.#waiting.length) return;
    this.#waiting.length = 0;
    this.#at = 0;
    const trailers = this.#trailers;
    if (trailers === undefined) return;
    this.#trailers = undefined;
    if (this.next === undefined) this.#host.onFilterEnd(trailers);
    else this.next.end(trailers);
  }

  onFiltered(bytes: Buffer): boolean {
    return this.#host.onFiltered(bytes);
  }

  onFilterDrain(): void {
    this.#isHeldUp = false;
    this.#goOn();
    if (!this.isBlocked) this.#host.onFilterDrain();
  }

  onFilterEnd(trailers: string): void {
    this.#host.onFilterEnd(trailers);
  }

  onFilterError(): void {
    this.#host.onFilterError();
  }

  close(): void {
    for (; this.#at < this.#waiting.length; this.#at++) this.#keeper.ahead(-(this.#waiting[this.#at] as Buffer).length);
    this.next?.close();
  }
}

const NOTHING = Buffer.alloc(0);

/** Who keeps it. */
interface Keeper {
  /** All that came is kept so far. */
  readonly isKeeping: boolean;
  /** Bytes that stay as they are. */
  take(bytes: Buffer): void;
  /** So many more bytes wait for the client; fewer, when negative. */
  ahead(bytes: number): void;
  /** All of it was taken. */
  end(trailers: string): void;
}

/** Gives a body that was kept when the upstream has said that it still holds, or has failed: of its own answer nothing is wanted. */
export class Replay implements AnswerFilter {
  readonly isBlocked = false;
  readonly absorbs = false;
  readonly replaces = true;
  readonly #host: FilterHost;
  readonly #next: AnswerFilter | undefined;
  readonly #body: Buffer;

  constructor(host: FilterHost, next: AnswerFilter | undefined, body: Buffer) {
    this.#host = host;
    this.#next = next;
    this.#body = body;
  }

  take(): void {}

  give(): void {}

  flush(): void {}

  end(): void {
    if (this.#next !== undefined) {
      this.#next.give(this.#body);
      this.#next.end("");
      return;
    }
    if (this.#body.length > 0) this.#host.onFiltered(this.#body);
    this.#host.onFilterEnd("");
  }

  resume(): void {
    this.#next?.resume();
  }

  close(): void {
    this.#next?.close();
  }
}
