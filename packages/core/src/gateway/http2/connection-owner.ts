/** Whose an HTTP/2 connection is, and what it is told at its beginning. */

import type { Http2Counts } from "./counts.ts";
import type { Flusher } from "./flusher.ts";
import type { FieldBlock } from "./hpack-decoder.ts";
import type { IncomingLimits } from "./incoming.ts";
import type { Fault } from "./protocol.ts";
import type { Http2Stream } from "./stream.ts";
import type { WindowLimits } from "./windows.ts";

export interface ConnectionLimits extends IncomingLimits, WindowLimits {
  /** Streams that the peer may have open at once. Beyond: REFUSED_STREAM. */
  readonly maxStreams: number;
  /** Bytes of frames that wait for a peer that does not read. Beyond: ENHANCE_YOUR_CALM. */
  readonly maxWaitingBytes: number;
}

export interface ConnectionOwner {
  /** A request's head came: `stream.owner` is to be set. Only on the server's side. */
  onStream(stream: Http2Stream, block: FieldBlock, endsStream: boolean): void;
  /** The peer has said something about itself: more streams may be opened. */
  onSettings(): void;
  onStreamOver(stream: Http2Stream): void;
  /** All that one read brought was given. */
  onReadEnd(): void;
  /** The peer takes no new streams. */
  onGoAway(): void;
  /** The peer sends nothing more. */
  onPeerEnd(): void;
  /** Nothing more is sent or taken; the wire has been ended. Without a fault all went well. */
  onOver(fault: Fault | undefined): void;
  /** After that: what was sent last has gone. */
  onSent(): void;
  /** The socket is gone. */
  onClose(): void;
}

export interface ConnectionOptions {
  readonly isServer: boolean;
  readonly limits: ConnectionLimits;
  readonly flusher: Flusher;
  readonly nowMs: () => number;
  /** Of all connections of its side. */
  readonly counts: Http2Counts;
}
