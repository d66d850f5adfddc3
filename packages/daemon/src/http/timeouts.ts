import { LIMITS } from "@skerry/core/domain/limits.ts";

/** How long a peer may keep a connection without doing its part. Tests have shorter ones. */
export interface PeerTimeouts {
  /** Headers must be complete by then. */
  readonly headerMs: number;
  /** A reader that takes nothing for so long is cut off. */
  readonly readerIdleMs: number;
  /** A body that stands still so long is given up. */
  readonly bodyIdleMs: number;
  /** Of what comes after a refusal: quiet for so long, and all of it together (as nginx). Then the connection is cut. */
  readonly lingerIdleMs: number;
  /** @see lingerIdleMs */
  readonly lingerMs: number;
  /** Between two signs of life of a terminal's reader; one that misses one is cut off. */
  readonly pingMs: number;
}

export const PEER_TIMEOUTS: PeerTimeouts = {
  headerMs: LIMITS.http.headerTimeoutMs,
  readerIdleMs: LIMITS.http.readerIdleTimeoutMs,
  bodyIdleMs: LIMITS.http.bodyIdleTimeoutMs,
  lingerIdleMs: 5_000,
  lingerMs: 30_000,
  pingMs: LIMITS.terminal.pingMs,
};
