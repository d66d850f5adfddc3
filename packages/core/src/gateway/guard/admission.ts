/**
 * Sheds load before a worker drowns in it: by the delay that requests meet, and by how many are in flight.
 *
 * The delay is how long a turn of the loop takes in which requests begin or end: so long waits what comes meanwhile, and more come in
 * a long one than in a short one. Of two looks the lesser counts, as in CoDel (RFC 8289): one long turn is a hiccup, a delay that
 * stays is a queue that stands. A controller as in PIE (RFC 8033) turns it into the part of requests that is refused: it goes up
 * while the delay is above its target, and the more the faster it grows, and down again below.
 */
import type { RoutePriority } from "../../domain/route-limits.ts";

export interface AdmissionLimits {
  /** Beyond: refused, whatever its priority. */
  readonly maxInFlight: number;
  /** The delay that is aimed at while there is too much to do. */
  readonly shedDelayMs: number;
  /** Time between two looks at it. */
  readonly shedEveryMs: number;
}

export interface AdmissionOptions {
  readonly limits: AdmissionLimits;
  readonly monotonicMs: () => number;
  /** Runs what is given when the turn of the loop is over. */
  readonly afterTurn: (run: () => void) => void;
}

/** Of `maxInFlight`: beyond, those of this priority are refused. */
const IN_FLIGHT_PART = { low: 0.6, normal: 0.9, high: 1 } as const;
/** How much the delay's distance from its target, and its growth, both in targets, change the pressure at a look. */
const BY_DISTANCE = 0.1;
const BY_GROWTH = 0.25;
/** No more of either counts at one look. */
const MAX_STEP = 3;
const MAX_PRESSURE = 2;
/** A worker that was asked nothing for so many looks begins anew. */
const FORGETS_AFTER = 10;

export class Admission {
  readonly #options: AdmissionOptions;
  /** 0: all are taken. 0.5: none of low priority, half of the normal ones. 1: high ones alone. 2: nobody. */
  #pressure = 0;
  /** Of the turns since the last look: their time together, and its squares. */
  #sumMs = 0;
  #squares = 0;
  /** What a request met on average at the last look. */
  #metMs = 0;
  #delayMs = 0;
  #lookedMs = 0;
  #turnMs = 0;
  #endedMs = 0;
  #isInTurn = false;
  /** Parts of requests that are to be refused and are not yet one. */
  readonly #due = { low: 0, normal: 0, high: 0 };
  readonly #onTurnEnd = (): void => {
    this.#isInTurn = false;
    this.#endedMs = this.#options.monotonicMs();
    const tookMs = this.#endedMs - this.#turnMs;
    this.#sumMs += tookMs;
    this.#squares += tookMs * tookMs;
  };

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** As it was found last; 0 while nothing asks. */
  get pressure(): number {
    const { limits, monotonicMs } = this.#options;
    return monotonicMs() - this.#endedMs > FORGETS_AFTER * limits.shedEveryMs ? 0 : this.#pressure;
  }

  /** Some requests are refused, or would be. */
  get isShedding(): boolean {
    return this.pressure > 0;
  }

  /** Whether a request that has begun now is not to be served. `inFlight` counts it. */
  refuses(priority: RoutePriority, inFlight: number, nowMs: number): boolean {
    const { limits } = this.#options;
    this.note(nowMs);
    if (inFlight > Math.ceil(limits.maxInFlight * IN_FLIGHT_PART[priority])) return true;
    return this.#pressure > 0 && this.#isDue(priority);
  }

  /** Something is done for a request. */
  note(nowMs: number): void {
    if (this.#isInTurn) return;
    const { limits, afterTurn } = this.#options;
    this.#isInTurn = true;
    this.#turnMs = nowMs;
    afterTurn(this.#onTurnEnd);
    if (nowMs - this.#endedMs > FORGETS_AFTER * limits.shedEveryMs) this.#forget();
    if (nowMs - this.#lookedMs >= limits.shedEveryMs) this.#look(nowMs);
  }

  #look(nowMs: number): void {
    const { shedDelayMs } = this.#options.limits;
    const before = this.#delayMs;
    const metMs = this.#sumMs === 0 ? 0 : this.#squares / this.#sumMs;
    this.#delayMs = Math.min(metMs, this.#metMs);
    this.#metMs = metMs;
    this.#sumMs = 0;
    this.#squares = 0;
    this.#lookedMs = nowMs;
    const distance = Math.min(MAX_STEP, this.#delayMs / shedDelayMs - 1);
    const growth = Math.min(MAX_STEP, (this.#delayMs - before) / shedDelayMs);
    // Below its target a delay that grows is nobody's trouble.
    const change = BY_DISTANCE * distance + (distance > 0 || growth < 0 ? BY_GROWTH * growth : 0);
    this.#pressure = Math.min(MAX_PRESSURE, Math.max(0, this.#pressure + change));
  }

  #forget(): void {
    this.#pressure = 0;
    this.#delayMs = 0;
    this.#metMs = 0;
    this.#sumMs = 0;
    this.#squares = 0;
  }

  /** As many of them as are to be, evenly: no luck, and no run of it. */
  #isDue(priority: RoutePriority): boolean {
    const pressure = this.#pressure;
    const part = priority === "low" ? 2 * pressure : priority === "normal" ? pressure : pressure - 1;
    this.#due[priority] += Math.min(1, Math.max(0, part));
    if (this.#due[priority] < 1) return false;
    this.#due[priority] -= 1;
    return true;
  }
}
