/** Filters that keep what goes through, or give what was kept. */
import type { AnswerFilter, FilterHost } from "../filter.ts";

/** Copies what goes through, for who keeps it. */
export class Tap implements AnswerFilter {
  readonly #host: FilterHost;
  readonly #next: AnswerFilter | undefined;
  readonly #keeper: Keeper;

  /** `next`: what it goes through then. */
  constructor(host: FilterHost, next: AnswerFilter | undefined, keeper: Keeper) {
    this.#host = host;
    this.#next = next;
    this.#keeper = keeper;
  }

  get isBlocked(): boolean {
    return this.#next?.isBlocked === true;
  }

  take(buffer: Buffer, from: number, to: number): void {
    this.give(Buffer.from(buffer.subarray(from, to)));
  }

  give(bytes: Buffer): void {
    this.#keeper.take(bytes);
    if (this.#next === undefined) this.#host.onFiltered(bytes);
    else this.#next.give(bytes);
  }

  flush(): void {
    this.#next?.flush();
  }

  end(trailers: string): void {
    this.#keeper.end(trailers);
    if (this.#next === undefined) this.#host.onFilterEnd(trailers);
    else this.#next.end(trailers);
  }

  resume(): void {
    this.#next?.resume();
  }

  close(): void {
    this.#next?.close();
  }
}

/** Who keeps it. */
interface Keeper {
  /** Bytes that stay as they are. */
  take(bytes: Buffer): void;
  /** All of it was taken. */
  end(trailers: string): void;
}

/** Gives a body that was kept when the upstream has said that it still holds: its own answer has none. */
export class Replay implements AnswerFilter {
  readonly isBlocked = false;
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
