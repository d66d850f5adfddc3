/** What the peer has said about itself (RFC 9113 6.5). */
import {
  DEFAULT_WINDOW,
  Fault,
  FLOW_CONTROL_ERROR,
  FRAME_BYTES,
  FRAME_SIZE_ERROR,
  MAX_WINDOW,
  PROTOCOL_ERROR,
} from "./protocol.ts";

const HEADER_TABLE_SIZE = 1;
export const ENABLE_PUSH = 2;
export const MAX_CONCURRENT_STREAMS = 3;
export const INITIAL_WINDOW_SIZE = 4;
const MAX_FRAME_SIZE = 5;
export const MAX_HEADER_LIST_SIZE = 6;
/** RFC 8441 3. */
export const ENABLE_CONNECT_PROTOCOL = 8;

const BAD_LENGTH = new Fault(FRAME_SIZE_ERROR, "A SETTINGS frame has a length that none has.");
const BAD_VALUE = new Fault(PROTOCOL_ERROR, "A setting has a value that it cannot have.");
const BAD_WINDOW = new Fault(FLOW_CONTROL_ERROR, "The first window of streams is larger than 2^31-1.");
const SETTING_BYTES = 6;
const MAX_FRAME_LIMIT = 0xff_ffff;

export class PeerSettings {
  /** Streams that we may open at once. */
  maxStreams = Number.POSITIVE_INFINITY;
  windowBytes = DEFAULT_WINDOW;
  /** It takes a CONNECT that names a protocol. */
  takesConnect = false;
  /** The table of the peer's decoder became smaller than ours was allowed to be: the next block must say so. */
  mustShrink = false;

  /** `isFromServer`: it may not say that we push. */
  read(bytes: Buffer, from: number, to: number, isFromServer: boolean): Fault | undefined {
    if ((to - from) % SETTING_BYTES !== 0) return BAD_LENGTH;
    for (let at = from; at < to; at += SETTING_BYTES) {
      const fault = this.#set(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2), isFromServer);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  #set(id: number, value: number, isFromServer: boolean): Fault | undefined {
    switch (id) {
      case HEADER_TABLE_SIZE:
        this.mustShrink = true;
        return undefined;
      case ENABLE_PUSH:
        return value > (isFromServer ? 0 : 1) ? BAD_VALUE : undefined;
      case MAX_CONCURRENT_STREAMS:
        this.maxStreams = value;
        return undefined;
      case INITIAL_WINDOW_SIZE:
        if (value > MAX_WINDOW) return BAD_WINDOW;
        this.windowBytes = value;
        return undefined;
      case MAX_FRAME_SIZE:
        return value < FRAME_BYTES || value > MAX_FRAME_LIMIT ? BAD_VALUE : undefined;
      case ENABLE_CONNECT_PROTOCOL:
        // RFC 8441 3: it is not taken back.
        if (value > 1 || (value === 0 && this.takesConnect)) return BAD_VALUE;
        this.takesConnect = value === 1;
        return undefined;
      default:
        return undefined;
    }
  }
}
