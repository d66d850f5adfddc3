/**
 * Frames that cost us something and bring nothing, counted beside those that do: who sends too many of them is not a client
 * (CVE-2023-44487 rapid reset, CVE-2019-9512 PING, 9515 SETTINGS, 9518 empty frames, 9511 and 9517 windows).
 */
import { ENHANCE_YOUR_CALM, Fault } from "./protocol.ts";

/** Streams that the peer reset, or that had to be refused. */
export const RESETS = 0;
export const PINGS = 1;
export const CHANGES = 2;
/** DATA without bytes. */
export const EMPTIES = 3;
export const UPDATES = 4;
/** DATA of ours that the peer's window made tiny. */
export const CRUMBS = 5;
/** Priorities, frames of unknown types, frames for streams that are over. */
export const OTHERS = 6;

const FAULTS = [
  "Too many streams were reset.",
  "Too many PING frames came.",
  "Too many SETTINGS frames came.",
  "Too many DATA frames without data came.",
  "Too many WINDOW_UPDATE frames came.",
  "The window was opened by a few bytes too often.",
  "Too many frames came that mean nothing.",
].map((message) => new Fault(ENHANCE_YOUR_CALM, message));

export interface NuisanceLimits {
  /** So many of each kind within `nuisanceMs`, and as many more as there was useful work. */
  readonly maxNuisances: number;
  readonly nuisanceMs: number;
}

export class Nuisances {
  readonly #limits: NuisanceLimits;
  readonly #nowMs: () => number;
  readonly #counts = new Int32Array(FAULTS.length);
  #sinceMs: number;
  /** Streams that came to their end. */
  #streams = 0;
  /** DATA with something in it, of both sides. */
  #frames = 0;

  constructor(limits: NuisanceLimits, nowMs: () => number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#sinceMs = nowMs();
  }

  onStreamDone(): void {
    this.#streams++;
  }

  onData(): void {
    this.#frames++;
  }

  /** One more of a kind. A fault when it is one too many. */
  count(kind: number): Fault | undefined {
    const count = (this.#counts[kind] as number) + 1;
    this.#counts[kind] = count;
    const useful = this.#streams + (kind === RESETS ? 0 : this.#frames);
    // A peer that reads may open two windows for each frame.
    const allowed = this.#limits.maxNuisances + (kind === UPDATES ? 4 * useful : useful);
    if (count <= allowed) return undefined;
    const nowMs = this.#nowMs();
    if (nowMs - this.#sinceMs < this.#limits.nuisanceMs) return FAULTS[kind];
    this.#sinceMs = nowMs;
    this.#counts.fill(0);
    this.#streams = 0;
    this.#frames = 0;
    return undefined;
  }
}
