/** What all HTTP/2 connections of one side count: plain numbers that cross the control pipe as JSON. */

/** Names of error codes, by number (RFC 9113 7). */
export const CODE_NAMES = [
  ...["NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED"],
  ...["FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM"],
  ...["INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"],
  // Numbers that have no name.
  "other",
] as const;
const OTHER = CODE_NAMES.length - 1;

export interface Http2Counts {
  /** Connections that are open, and all that ever were. */
  connections: number;
  connectionsTotal: number;
  /** Streams that are open, and all that ever were. */
  streams: number;
  streamsTotal: number;
  /** By the number of the error code. */
  readonly resetsReceived: number[];
  readonly resetsSent: number[];
  readonly goAwaysReceived: number[];
  readonly goAwaysSent: number[];
}

export function emptyHttp2Counts(): Http2Counts {
  const none = (): number[] => CODE_NAMES.map(() => 0);
  return {
    ...{ connections: 0, connectionsTotal: 0, streams: 0, streamsTotal: 0 },
    ...{ resetsReceived: none(), resetsSent: none(), goAwaysReceived: none(), goAwaysSent: none() },
  };
}

export function countCode(counts: number[], code: number): void {
  const at = Math.min(code, OTHER);
  counts[at] = (counts[at] as number) + 1;
}
