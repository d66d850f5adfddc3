/** Long streams: how many there may be, and that each is authorised again when its principal changes. */
import { SkerryError, toSkerryError } from "../../domain/errors.ts";
import type { Principal } from "../../domain/identity.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Call } from "./call.ts";
import type { ApiRequest } from "./exchange.ts";

interface Reauthorize {
  readonly call: Call;
  readonly authenticate: (authorization: string | undefined, request: ApiRequest) => Principal;
}

export class StreamGate {
  readonly #perPrincipal = new Map<string, number>();
  #open = 0;

  /** While it lives, a change of the principal decides the call again and aborts it when the answer is no. */
  guard({ call, authenticate }: Reauthorize): Disposable {
    let ended = false;
    const subscribe = (principal: Principal) => {
      principal.changed.addEventListener("abort", again, { once: true });
      if (principal.changed.aborted) again();
    };
    const again = () => {
      if (ended) return;
      try {
        const principal = authenticate(call.request.headers["authorization"], call.request);
        call.authorizeAgain(principal);
        subscribe(principal);
      } catch (error) {
        call.abort(toSkerryError(error));
      }
    };
    subscribe(call.principal);
    return {
      [Symbol.dispose]() {
        ended = true;
        call.principal.changed.removeEventListener("abort", again);
      },
    };
  }

  /** A download: cut when the right is lost. */
  async *follow(reauthorize: Reauthorize, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    using _guard = this.guard(reauthorize);
    for await (const part of body) {
      if (reauthorize.call.signal.aborted) throw reauthorize.call.signal.reason;
      yield part;
    }
  }

  /**
   * A watch: counted. When the credential is lost it ends with that; when only the permissions changed it ends with
   * `conflict/compacted`, because what the reader has seen so far is no longer what it may see: it lists again.
   * @throws `exhausted/overload`, `exhausted/rate` at once.
   */
  watch({ call, authenticate }: Reauthorize, body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    const owner = call.principal.userUid;
    const own = this.#perPrincipal.get(owner) ?? 0;
    if (this.#open >= LIMITS.http.maxStreams) {
      throw new SkerryError("exhausted/overload", "Too many streams are open on this node. Try again later.");
    }
    if (own >= LIMITS.http.maxStreamsPerPrincipal) {
      throw new SkerryError("exhausted/rate", `You have ${own} streams open, the most that one user may have.`, {
        hint: "End some of them first.",
        retryAfterMs: 1000,
      });
    }
    this.#open++;
    this.#perPrincipal.set(owner, own + 1);
    const changed = () => {
      try {
        authenticate(call.request.headers["authorization"], call.request);
        call.abort(
          new SkerryError("conflict/compacted", "Your permissions have changed: list again and watch from there."),
        );
      } catch (error) {
        call.abort(toSkerryError(error));
      }
    };
    const { changed: signal } = call.principal;
    signal.addEventListener("abort", changed, { once: true });
    if (signal.aborted) changed();
    let released = false;
    const release = () => {
      if (released) return;
      released = true;
      signal.removeEventListener("abort", changed);
      this.#open--;
      const left = (this.#perPrincipal.get(owner) ?? 1) - 1;
      if (left === 0) this.#perPrincipal.delete(owner);
      else this.#perPrincipal.set(owner, left);
    };
    // A generator that is never started never reaches its finally: the end of the request releases too.
    call.request.signal.addEventListener("abort", release, { once: true });
    return (async function* () {
      try {
        yield* body;
      } finally {
        release();
      }
    })();
  }
}
