/** Asks other backends for one request when the first one is slow, see hedging.ts. */
import { Alarm } from "./alarm.ts";
import type { Member } from "./choice.ts";
import type { Context } from "./context.ts";
import type { Hedging } from "./hedging.ts";

export class Hedger {
  /** Backends that were asked besides. */
  count = 0;
  readonly #context: Context;
  readonly #hedging: Hedging;
  readonly #choose: () => Member | undefined;
  readonly #ask: (member: Member) => void;
  readonly #alarm = new Alarm();
  #sinceMs = 0;

  /** `choose`: who may be asked besides; undefined: nobody. */
  constructor(context: Context, hedging: Hedging, choose: () => Member | undefined, ask: (member: Member) => void) {
    this.#context = context;
    this.#hedging = hedging;
    this.#choose = choose;
    this.#ask = ask;
    hedging.begin();
  }

  /** From now on the answer is waited for. */
  begin(): void {
    this.#sinceMs = this.#context.options.monotonicMs();
    this.#arm();
  }

  /** A head has come. */
  observe(): void {
    this.stop();
    if (this.#sinceMs > 0) this.#hedging.observe(this.#context.options.monotonicMs() - this.#sinceMs);
  }

  stop(): void {
    this.#alarm.clear();
  }

  #arm(): void {
    const { delayMs, most } = this.#hedging;
    if (delayMs !== undefined && this.count < most) this.#alarm.set(delayMs, () => this.#fire());
  }

  #fire(): void {
    const { stats, admission } = this.#context;
    // More work is the last thing that a worker needs which refuses some.
    if (admission.isShedding) return;
    const member = this.#choose();
    if (member === undefined) return;
    if (!this.#hedging.take()) {
      stats.hedgesRefused++;
      return;
    }
    this.count++;
    stats.hedges++;
    this.#ask(member);
    this.#arm();
  }
}
