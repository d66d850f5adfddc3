/** The client's side of an answer whose body goes through a filter, which gives what it makes of it later. */
import type { AnswerFilter, FilterHost } from "../actions/filter.ts";
import type { ClientSide, UpstreamSide } from "./sides.ts";

/** Whose answer it is. */
interface Owner {
  /** All of it has been given to the client. */
  endAnswer(trailers: string): void;
  /** It cannot be completed. */
  breakFiltered(): void;
  onFilterDrain(): void;
  /** What there is has been given: more must come in time, or be taken. */
  onFlushed(): void;
}

export class Filtered implements FilterHost {
  readonly #client: ClientSide;
  readonly #owner: Owner;

  constructor(client: ClientSide, owner: Owner) {
    this.#client = client;
    this.#owner = owner;
  }

  /** What one read of the upstream held was given to the filter. */
  onBatch(filter: AnswerFilter, upstream: UpstreamSide): void {
    this.flush();
    filter.flush();
    if (filter.isBlocked || (this.#client.isBlocked && !filter.absorbs)) upstream.pause();
  }

  /** What was given to the client goes out. */
  flush(): void {
    this.#client.flush();
    this.#owner.onFlushed();
  }

  onFiltered(bytes: Buffer): boolean {
    this.#client.sendBody(bytes, 0, bytes.length);
    this.flush();
    return !this.#client.isBlocked;
  }

  onFilterDrain(): void {
    this.#owner.onFilterDrain();
  }

  onFilterEnd(trailers: string): void {
    this.#owner.endAnswer(trailers);
  }

  onFilterError(): void {
    this.#owner.breakFiltered();
  }
}
