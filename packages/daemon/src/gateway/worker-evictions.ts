/** What a worker evicts from its cache is evicted by the others: told in one message for many. */
import { LIMITS } from "@skerry/core/domain/limits.ts";

export class Evictions {
  readonly #tell: (uris: readonly string[]) => void;
  /** Undefined: nothing waits to be told. */
  #waiting: Set<string> | undefined;

  constructor(tell: (uris: readonly string[]) => void) {
    this.#tell = tell;
  }

  readonly add = (uri: string): void => {
    if (this.#waiting === undefined) {
      this.#waiting = new Set();
      setImmediate(() => this.#send());
    }
    if (this.#waiting.size <= LIMITS.actions.maxEvictions) this.#waiting.add(uri);
  };

  #send(): void {
    const uris = [...(this.#waiting ?? [])];
    this.#waiting = undefined;
    this.#tell(uris.length > LIMITS.actions.maxEvictions ? [ALL] : uris);
  }
}

/** Stands for all URIs: too many to name them. */
export const ALL = "*";
