/**
 * What is known of one backend besides its load: whether its breaker lets requests through, whether it is ejected (as Envoy's
 * outlier detection does), whether it answers probes, and how much of its weight it has after it came back.
 */
import { LIMITS } from "../../domain/limits.ts";
import { type UpstreamCare, USUAL_CARE } from "../../domain/upstream-care.ts";
import { Breaker } from "./breaker.ts";

export type Condition = "ready" | "starting" | "half-open" | "ejected" | "open" | "unhealthy";

const { maxEjections, maxEjectedMs } = LIMITS.care;
/** A backend that comes back has so much of its weight at first. */
const LEAST_SHARE = 0.1;

/** How often something happened to a backend, whatever care was taken of it meanwhile. */
export interface Tally {
  checksPassed: number;
  checksFailed: number;
  breakerOpens: number;
  ejections: number;
}

export function newTally(): Tally {
  return { checksPassed: 0, checksFailed: 0, breakerOpens: 0, ejections: 0 };
}

/** What it asks of the others of its upstream. */
export interface Neighbours {
  readonly count: number;
  ejectedAt(nowMs: number): number;
}

export class Guard {
  #care: UpstreamCare;
  readonly #neighbours: Neighbours;
  #breaker: Breaker | undefined;
  #inRow = 0;
  #ejections = 0;
  #ejectedUntilMs = Number.NEGATIVE_INFINITY;
  /** One of its ejections was forgotten then. */
  #forgivenMs = 0;
  /** What the active checks have found wrong; it is healthy until one fails. */
  trouble: string | undefined;
  /** Its weight grows from here on. */
  #sinceMs: number;
  readonly #tally: Tally;

  /** `isNew`: beside others that are there longer. `tally` goes on. */
  constructor(care: UpstreamCare, neighbours: Neighbours, isNew: boolean, nowMs: number, tally = newTally()) {
    this.#tally = tally;
    this.#care = care;
    this.#neighbours = neighbours;
    this.#sinceMs = isNew ? nowMs : Number.NEGATIVE_INFINITY;
    this.#breaker = breakerOf(care);
  }

  /** What is known stays. */
  follow(care: UpstreamCare): void {
    if (care === this.#care) return;
    this.#care = care;
    const fresh = breakerOf(care);
    if (this.#breaker !== undefined && fresh !== undefined) this.#breaker.rules = fresh.rules;
    else this.#breaker = fresh;
    if (care.ejection === undefined) this.#ejectedUntilMs = Number.NEGATIVE_INFINITY;
    if (care.health === undefined) this.trouble = undefined;
  }

  get isHealthy(): boolean {
    return this.trouble === undefined;
  }

  conditionAt(nowMs: number): Condition {
    if (!this.isHealthy) return "unhealthy";
    const breaker = this.#breaker?.stateAt(nowMs) ?? "closed";
    if (breaker !== "closed") return breaker;
    if (this.isEjectedAt(nowMs)) return "ejected";
    return this.shareAt(nowMs) < 1 ? "starting" : "ready";
  }

  isEjectedAt(nowMs: number): boolean {
    return nowMs < this.#ejectedUntilMs;
  }

  /** When it may get requests again; 0: nobody knows. */
  get untilMs(): number {
    return this.isHealthy ? Math.max(this.#ejectedUntilMs, this.#breaker?.untilMs ?? 0) : 0;
  }

  mayGet(nowMs: number): boolean {
    return (
      this.isHealthy && nowMs >= this.#ejectedUntilMs && (this.#breaker === undefined || this.#breaker.lets(nowMs))
    );
  }

  /** Part of its weight that counts. */
  shareAt(nowMs: number): number {
    const { slowStartMs } = this.#care;
    if (slowStartMs === undefined) return 1;
    const isBack = nowMs >= this.#ejectedUntilMs && this.#ejectedUntilMs > this.#sinceMs;
    const forMs = nowMs - (isBack ? this.#ejectedUntilMs : this.#sinceMs);
    return forMs >= slowStartMs ? 1 : Math.max(LEAST_SHARE, forMs / slowStartMs);
  }

  begin(nowMs: number): void {
    this.#breaker?.begin(nowMs);
  }

  succeed(nowMs: number): void {
    this.#inRow = 0;
    const wasShut = this.#breaker !== undefined && this.#breaker.stateAt(nowMs) !== "closed";
    this.#breaker?.succeed(nowMs);
    if (wasShut && this.#breaker?.stateAt(nowMs) === "closed") this.#sinceMs = nowMs;
    // What was is forgotten step by step.
    if (this.#ejections === 0 || nowMs - this.#forgivenMs < this.#ejection.baseMs) return;
    this.#ejections--;
    this.#forgivenMs = nowMs;
  }

  get #ejection() {
    return { ...USUAL_CARE.ejection, ...this.#care.ejection };
  }

  /** One that tells nothing. */
  forget(): void {
    this.#breaker?.forget();
  }

  fail(nowMs: number): void {
    if (this.#breaker?.fail(nowMs) === true) this.#tally.breakerOpens++;
    if (this.#care.ejection === undefined || this.isEjectedAt(nowMs)) return;
    const { failures, baseMs, maxPercent } = this.#ejection;
    if (++this.#inRow < failures) return;
    this.#inRow = 0;
    const { count } = this.#neighbours;
    const most = Math.min(Math.max(1, Math.floor((count * maxPercent) / 100)), count - 1);
    if (this.#neighbours.ejectedAt(nowMs) >= most) return;
    this.#tally.ejections++;
    this.#ejections = Math.min(this.#ejections + 1, maxEjections);
    this.#ejectedUntilMs = nowMs + Math.min(baseMs * this.#ejections, maxEjectedMs);
    this.#forgivenMs = this.#ejectedUntilMs;
  }

  /** As the active checks have found it: what is wrong, in a few words. */
  found(trouble: string | undefined, nowMs: number): void {
    if (trouble === undefined && !this.isHealthy) this.#sinceMs = nowMs;
    this.trouble = trouble;
  }
}

function breakerOf({ breaker }: UpstreamCare): Breaker | undefined {
  return breaker === undefined ? undefined : new Breaker({ ...USUAL_CARE.breaker, ...breaker });
}
