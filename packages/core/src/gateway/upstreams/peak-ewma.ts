/**
 * Response time as peak EWMA: a slow answer counts at once and whole, quick ones bring it down little by little, and what
 * nobody asks is forgotten little by little, so that it is tried again. As in Twitter's Finagle
 * (com.twitter.finagle.loadbalancer.PeakEwma) and Linkerd.
 */

/** After so long a measurement weighs 1/e. */
const FADE_MS = 10_000;

export class PeakEwma {
  #valueMs = 0;
  #atMs = 0;

  /** An answer's head came `ms` after it was asked for. */
  observe(ms: number, nowMs: number): void {
    const kept = this.#fade(nowMs);
    this.#valueMs = ms > this.#valueMs ? ms : this.#valueMs * kept + ms * (1 - kept);
    this.#atMs = Math.max(this.#atMs, nowMs);
  }

  /** 0: nothing is known. */
  at(nowMs: number): number {
    return this.#valueMs === 0 ? 0 : this.#valueMs * this.#fade(nowMs);
  }

  #fade(nowMs: number): number {
    return nowMs <= this.#atMs ? 1 : Math.exp((this.#atMs - nowMs) / FADE_MS);
  }
}
