/** Long streams: how many there may be, and that each is authorised again when its principal changes. */
import { addressKey } from "../../domain/addresses.ts";
import { SkerryError, toSkerryError } from "../../domain/errors.ts";
import type { Principal } from "../../domain/identity.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Call } from "./call.ts";
import type { ApiRequest } from "./exchange.ts";

export interface Reauthorize {
  readonly call: Call;
  readonly authenticate: (authorization: string | undefined, request: ApiRequest) => Principal;
}

/** Bounds how many of a kind there are at once, in all and for one owner. */
class Slots {
  readonly #limits: { readonly what: string; readonly total: number; readonly perOwner: number };
  readonly #owners = new Map<string, number>();
  #taken = 0;

  constructor(limits: { what: string; total: number; perOwner: number }) {
    this.#limits = limits;
  }

  /** Gives the slot back, once. @throws `exhausted/overload`, `exhausted/rate`. */
  take({ principal, request }: Call): () => void {
    const { what, total, perOwner } = this.#limits;
    const owner = principal.kind === "anonymous" ? addressKey(request.remoteAddress) : principal.userUid;
    const own = this.#owners.get(owner) ?? 0;
    if (this.#taken >= total) {
      throw new SkerryError("exhausted/overload", `Too many ${what} are under way on this node.`, {
        retryAfterMs: 1000,
      });
    }
    if (own >= perOwner) {
      throw new SkerryError(
        "exhausted/rate",
        `${own} of your ${what} are under way, the most that one user may have.`,
        {
          hint: "End some of them first.",
          retryAfterMs: 1000,
        },
      );
    }
    this.#taken++;
    this.#owners.set(owner, own + 1);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#taken--;
      const left = (this.#owners.get(owner) ?? 1) - 1;
      if (left === 0) this.#owners.delete(owner);
      else this.#owners.set(owner, left);
    };
  }
}

export class StreamGate {
  readonly #watches = new Slots({
    what: "watches",
    total: LIMITS.http.maxStreams,
    perOwner: LIMITS.http.maxStreamsPerPrincipal,
  });
  readonly #downloads = new Slots({
    what: "downloads",
    total: LIMITS.http.maxDownloads,
    perOwner: LIMITS.http.maxTransfersPerPrincipal,
  });
  readonly #uploads = new Slots({
    what: "uploads",
    total: LIMITS.objects.maxUploads,
    perOwner: LIMITS.http.maxTransfersPerPrincipal,
  });

  readonly #terminals = new Slots({
    what: "terminals",
    total: LIMITS.terminal.maxTerminals,
    perOwner: LIMITS.terminal.maxTerminalsPerPrincipal,
  });

  /** A terminal: as an upload. @throws `exhausted/overload`, `exhausted/rate`. */
  terminal(reauthorize: Reauthorize): Disposable {
    return this.#counted(this.#terminals, reauthorize);
  }

  /** An upload: counted, and aborted when the right is lost. @throws `exhausted/overload`, `exhausted/rate`. */
  upload(reauthorize: Reauthorize): Disposable {
    return this.#counted(this.#uploads, reauthorize);
  }

  #counted(slots: Slots, reauthorize: Reauthorize): Disposable {
    const release = slots.take(reauthorize.call);
    const guard = this.#guard(reauthorize);
    return {
      [Symbol.dispose]() {
        guard[Symbol.dispose]();
        release();
      },
    };
  }

  /**
   * A download: counted, then begun, and cut when the right is lost.
   * @throws `exhausted/overload`, `exhausted/rate` before anything is read; what `begin` throws.
   */
  async download(
    reauthorize: Reauthorize,
    body: AsyncIterable<Uint8Array>,
    begin?: () => Promise<void>,
  ): Promise<AsyncIterable<Uint8Array>> {
    const { call } = reauthorize;
    const release = this.#downloads.take(call);
    const guard = this.#guard(reauthorize);
    const ended = () => {
      guard[Symbol.dispose]();
      release();
    };
    try {
      await begin?.();
    } catch (error) {
      ended();
      throw error;
    }
    return untilEnd(call, body, ended);
  }

  /**
   * A watch: counted. When the credential is lost it ends with that; when only the permissions changed it ends with
   * `conflict/compacted`, because what the reader has seen so far is no longer what it may see: it lists again.
   * @throws `exhausted/overload`, `exhausted/rate` at once.
   */
  watch({ call, authenticate }: Reauthorize, body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    const release = this.#watches.take(call);
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
    return untilEnd(call, body, () => {
      signal.removeEventListener("abort", changed);
      release();
    });
  }

  /** While it lives, a change of the principal decides the call again and aborts it when the answer is no. */
  #guard({ call, authenticate }: Reauthorize): Disposable {
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
}

/** The body, and `ended` once: at its end, or with the request's when it is never read. A watch says itself why it ends. */
function untilEnd(call: Call, body: AsyncIterable<Uint8Array>, ended: () => void): AsyncIterable<Uint8Array> {
  // A client that went while the handler worked tells nobody any more.
  if (call.request.signal.aborted) ended();
  else call.request.signal.addEventListener("abort", ended, { once: true });
  const assertRight = () => {
    if (call.route.kind === "download" && call.signal.aborted) throw call.signal.reason;
  };
  return (async function* () {
    try {
      for await (const part of body) {
        assertRight();
        yield part;
      }
      // What was given up ends as if there were no more of it: that must not look whole.
      assertRight();
    } finally {
      ended();
    }
  })();
}
