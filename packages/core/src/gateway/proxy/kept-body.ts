/** A request's body that is kept, in case that it must be sent again: all of it or nothing, within bounds. */
import { LIMITS } from "../../domain/limits.ts";
import type { UpstreamSide } from "./sides.ts";

/** Bytes that all requests of a worker keep. */
export interface KeptBytes {
  bytes: number;
}

/** More are joined. */
const MAX_PARTS = 64;
const { maxKeptBodyBytes, maxKeptBytes } = LIMITS.delivery;

export class KeptBody {
  /** All of it is at hand, or there is none. */
  isWhole: boolean;
  readonly #all: KeptBytes;
  readonly #isThere: boolean;
  /** Undefined: not kept any more. */
  #parts: Buffer[] | undefined = [];
  #bytes = 0;
  #trailers = "";

  constructor(all: KeptBytes, isThere: boolean) {
    this.#all = all;
    this.#isThere = isThere;
    this.isWhole = !isThere;
  }

  /** A copy; where there is no room for it, all that was kept goes. */
  keep(bytes: Buffer): void {
    if (this.#parts === undefined) return;
    if (this.#bytes + bytes.length > maxKeptBodyBytes || this.#all.bytes + bytes.length > maxKeptBytes) {
      this.release();
      return;
    }
    this.#bytes += bytes.length;
    this.#all.bytes += bytes.length;
    // What they are a part of is read into again, and may be far larger. Bodies may come a byte at a time.
    this.#parts.push(Buffer.from(bytes));
    if (this.#parts.length > MAX_PARTS) this.#parts = [Buffer.concat(this.#parts)];
  }

  end(trailers: string): void {
    this.#trailers = trailers;
    this.isWhole = this.#parts !== undefined;
  }

  replay(upstream: UpstreamSide): void {
    if (!this.#isThere) return;
    upstream.cork();
    for (const part of this.#parts ?? []) upstream.sendBody(part);
    upstream.endBody(this.#trailers);
    upstream.uncork();
  }

  /** It will not be sent again. */
  release(): void {
    if (this.#isThere) this.isWhole = false;
    this.#all.bytes -= this.#bytes;
    this.#bytes = 0;
    this.#parts = undefined;
  }
}
