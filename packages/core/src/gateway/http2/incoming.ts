/** The frames of the peer, checked (RFC 9113 5.1, 6): what they mean for streams and connection, or which rule they break. */
import { type BlockLimits, BlockReader } from "./block-reader.ts";
import { countCode, type Http2Counts } from "./counts.ts";
import type { FrameTaker } from "./frame-reader.ts";
import type { FieldBlock } from "./hpack-decoder.ts";
import { CHANGES, EMPTIES, type NuisanceLimits, Nuisances, OTHERS, PINGS, RESETS, UPDATES } from "./nuisances.ts";
import type { PeerSettings } from "./peer-settings.ts";
import * as http2 from "./protocol.ts";
import type { Http2Stream } from "./stream.ts";
import type { ReceiveWindow } from "./windows.ts";

const { Fault } = http2;
type Fault = http2.Fault;

/** The connection that the frames are for. */
export interface FrameHost {
  readonly isServer: boolean;
  readonly counts: Http2Counts;
  readonly peer: PeerSettings;
  readonly streams: ReadonlyMap<number, Http2Stream>;
  readonly received: ReceiveWindow;
  sendWindow: number;
  /** The highest number of a stream of the peer's, and of ours. */
  readonly lastPeerId: number;
  readonly lastOwnId: number;
  /** What came for a stream that we reset is thrown away. */
  wasReset(id: number): boolean;
  /** A request. */
  onRequest(id: number, block: FieldBlock, endsStream: boolean): Fault | undefined;
  onSettings(windowChange: number): Fault | undefined;
  onSettled(): void;
  onPing(data: string, isAnswer: boolean): void;
  onGoAway(lastId: number, code: number): void;
  /** Ends one stream with an error, which counts as a nuisance. */
  refuse(id: number, fault: Fault): Fault | undefined;
  onRoom(): void;
  giveBackUnread(bytes: number): void;
}

const NO_SETTINGS = new Fault(http2.PROTOCOL_ERROR, "The first frame is not SETTINGS.");
const BAD_STREAM = new Fault(http2.PROTOCOL_ERROR, "A frame is on a stream where it cannot be.");
const BAD_LENGTH = new Fault(http2.FRAME_SIZE_ERROR, "A frame has a length that none of its type has.");
const INTERRUPTED = new Fault(http2.PROTOCOL_ERROR, "A header block is interrupted by another frame.");
const CLOSED = new Fault(http2.STREAM_CLOSED, "A frame came for a stream that was at its end.");
const PUSHED = new Fault(http2.PROTOCOL_ERROR, "Nobody may push here.");
const OVERFLOW = new Fault(http2.FLOW_CONTROL_ERROR, "A window is larger than 2^31-1.");
const TOO_MUCH = new Fault(http2.FLOW_CONTROL_ERROR, "More data came than the window allows.");
const NO_INCREMENT = new Fault(http2.PROTOCOL_ERROR, "A window is opened by nothing.");
const WRONG_LENGTH = new Fault(http2.PROTOCOL_ERROR, "The body is not as long as its head has said.");
const BAD_TRAILERS = new Fault(http2.PROTOCOL_ERROR, "Trailers hold what only a head holds, or do not end the stream.");

export interface IncomingLimits extends BlockLimits, NuisanceLimits {
  /** A header block must be whole within this. */
  readonly blockMs: number;
}

export class Incoming implements FrameTaker {
  /** The peer's settings are there. */
  isGreeted = false;
  readonly nuisances: Nuisances;
  /** By then the header block that is being read must be whole. */
  openBlockByMs = Number.POSITIVE_INFINITY;
  readonly #host: FrameHost;
  readonly #blocks: BlockReader;
  /** That DATA comes for; undefined: for nobody. */
  #stream: Http2Stream | undefined;
  #endsStream = false;
  readonly #limits: IncomingLimits;
  readonly #nowMs: () => number;

  constructor(host: FrameHost, limits: IncomingLimits, nowMs: () => number) {
    this.#host = host;
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#blocks = new BlockReader(limits);
    this.nuisances = new Nuisances(limits, nowMs);
  }

  onFrame(type: number, flags: number, id: number, bytes: Buffer, from: number, to: number): Fault | undefined {
    if (!this.isGreeted && (type !== http2.SETTINGS || (flags & http2.ACK) !== 0)) return NO_SETTINGS;
    if (this.#blocks.isOpen && type !== http2.CONTINUATION) return INTERRUPTED;
    switch (type) {
      case http2.HEADERS:
        return id === 0 ? BAD_STREAM : this.#onHeaders(this.#blocks.begin(flags, id, bytes, from, to));
      case http2.CONTINUATION:
        return this.#onBlock(this.#blocks.continue(flags, id, bytes, from, to));
      case http2.WINDOW_UPDATE:
        return this.#onWindow(id, bytes, from, to);
      case http2.RST_STREAM:
        return this.#onReset(id, bytes, from, to);
      case http2.SETTINGS:
        return this.#onSettings(flags, id, bytes, from, to);
      case http2.PING:
        return this.#onPing(flags, id, bytes, from, to);
      case http2.GOAWAY:
        if (id !== 0) return BAD_STREAM;
        if (to - from < 8) return BAD_LENGTH;
        this.#host.onGoAway(bytes.readUInt32BE(from) & http2.MAX_STREAM_ID, bytes.readUInt32BE(from + 4));
        return this.nuisances.count(OTHERS);
      case http2.PRIORITY:
        if (id === 0) return BAD_STREAM;
        if (to - from !== 5) return this.#host.refuse(id, BAD_LENGTH);
        return this.nuisances.count(OTHERS);
      case http2.PUSH_PROMISE:
        return PUSHED;
      default:
        return this.nuisances.count(OTHERS);
    }
  }

  #isIdle(id: number): boolean {
    const isOfPeer = (id & 1) === (this.#host.isServer ? 1 : 0);
    return id > (isOfPeer ? this.#host.lastPeerId : this.#host.lastOwnId);
  }

  #onHeaders(block: FieldBlock | Fault | undefined): Fault | undefined {
    if (this.#blocks.isOpen) this.openBlockByMs = this.#nowMs() + this.#limits.blockMs;
    return this.#onBlock(block);
  }

  #onBlock(block: FieldBlock | Fault | undefined): Fault | undefined {
    if (block === undefined || block instanceof Fault) return block;
    const { streamId: id, endsStream } = this.#blocks;
    this.openBlockByMs = Number.POSITIVE_INFINITY;
    const stream = this.#host.streams.get(id);
    if (stream === undefined) {
      if (this.#host.wasReset(id)) return this.nuisances.count(OTHERS);
      if (!this.#isIdle(id)) return CLOSED;
      return this.#host.isServer && (id & 1) === 1 ? this.#host.onRequest(id, block, endsStream) : BAD_STREAM;
    }
    if (stream.hasPeerEnded) return this.#host.refuse(id, CLOSED);
    if (stream.awaitsHead) {
      stream.owner.onHead(block, endsStream);
      if (endsStream && !stream.isOver) return this.end(stream, undefined);
      return undefined;
    }
    const isTrailer = endsStream && !block.fields.some(({ name }) => name.charCodeAt(0) === COLON);
    return isTrailer ? this.end(stream, block) : this.#host.refuse(id, BAD_TRAILERS);
  }

  /** The peer has sent the last frame of a stream. */
  end(stream: Http2Stream, trailers: FieldBlock | undefined): Fault | undefined {
    if (!stream.isComplete) return this.#host.refuse(stream.id, WRONG_LENGTH);
    stream.onPeerEnd(trailers);
    return undefined;
  }

  onDataBegin(id: number, flowBytes: number, dataBytes: number, endsStream: boolean): Fault | undefined {
    if (!this.isGreeted) return NO_SETTINGS;
    if (this.#blocks.isOpen) return INTERRUPTED;
    if (id === 0 || this.#isIdle(id)) return BAD_STREAM;
    if (!this.#host.received.take(flowBytes)) return TOO_MUCH;
    if (dataBytes > 0) this.nuisances.onData();
    else if (!endsStream) {
      const fault = this.nuisances.count(EMPTIES);
      if (fault !== undefined) return fault;
    }
    const stream = this.#host.streams.get(id);
    this.#stream = undefined;
    this.#endsStream = endsStream;
    if (stream === undefined) {
      if (!this.#host.wasReset(id)) return CLOSED;
      this.#host.giveBackUnread(flowBytes - dataBytes);
      return undefined;
    }
    const fault = this.#faultOfData(stream, flowBytes, dataBytes, endsStream);
    if (fault !== undefined) {
      this.#host.giveBackUnread(flowBytes - dataBytes);
      return this.#host.refuse(id, fault);
    }
    this.#stream = stream;
    if (flowBytes > dataBytes) stream.giveBackPadding(flowBytes - dataBytes);
    return undefined;
  }

  #faultOfData(stream: Http2Stream, flowBytes: number, dataBytes: number, endsStream: boolean): Fault | undefined {
    if (stream.hasPeerEnded) return CLOSED;
    if (stream.awaitsHead) return BAD_STREAM;
    if (!stream.received.take(flowBytes)) return TOO_MUCH;
    return stream.takesData(dataBytes, endsStream) ? undefined : WRONG_LENGTH;
  }

  onDataBytes(bytes: Buffer, from: number, to: number): void {
    if (this.#stream === undefined || this.#stream.isOver) this.#host.giveBackUnread(to - from);
    else this.#stream.onData(bytes, from, to);
  }

  onDataEnd(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    if (this.#endsStream && stream !== undefined && !stream.isOver) stream.onPeerEnd(undefined);
  }

  #onWindow(id: number, bytes: Buffer, from: number, to: number): Fault | undefined {
    if (to - from !== 4) return BAD_LENGTH;
    const increment = bytes.readUInt32BE(from) & http2.MAX_WINDOW;
    const fault = this.nuisances.count(UPDATES);
    if (fault !== undefined) return fault;
    if (id === 0) {
      if (increment === 0) return NO_INCREMENT;
      this.#host.sendWindow += increment;
      if (this.#host.sendWindow > http2.MAX_WINDOW) return OVERFLOW;
      this.#host.onRoom();
      return undefined;
    }
    if (this.#isIdle(id)) return BAD_STREAM;
    const stream = this.#host.streams.get(id);
    if (stream === undefined) return undefined;
    if (increment === 0) return this.#host.refuse(id, NO_INCREMENT);
    stream.sendWindow += increment;
    if (stream.sendWindow > http2.MAX_WINDOW) return this.#host.refuse(id, OVERFLOW);
    this.#host.onRoom();
    return undefined;
  }

  #onReset(id: number, bytes: Buffer, from: number, to: number): Fault | undefined {
    if (to - from !== 4) return BAD_LENGTH;
    if (id === 0 || this.#isIdle(id)) return BAD_STREAM;
    const code = bytes.readUInt32BE(from);
    countCode(this.#host.counts.resetsReceived, code);
    const stream = this.#host.streams.get(id);
    stream?.onPeerReset(code, code === http2.REFUSED_STREAM);
    // An upstream that gives up streams costs nobody else.
    if (!this.#host.isServer) return undefined;
    return this.nuisances.count(stream === undefined ? OTHERS : RESETS);
  }

  #onSettings(flags: number, id: number, bytes: Buffer, from: number, to: number): Fault | undefined {
    if (id !== 0) return BAD_STREAM;
    if ((flags & http2.ACK) !== 0) {
      if (to > from) return BAD_LENGTH;
      this.#host.onSettled();
      return this.nuisances.count(OTHERS);
    }
    const { peer } = this.#host;
    const windowBefore = peer.windowBytes;
    const fault = peer.read(bytes, from, to, !this.#host.isServer) ?? this.nuisances.count(CHANGES);
    if (fault !== undefined) return fault;
    this.isGreeted = true;
    return this.#host.onSettings(peer.windowBytes - windowBefore);
  }

  #onPing(flags: number, id: number, bytes: Buffer, from: number, to: number): Fault | undefined {
    if (id !== 0) return BAD_STREAM;
    if (to - from !== 8) return BAD_LENGTH;
    const isAnswer = (flags & http2.ACK) !== 0;
    this.#host.onPing(bytes.toString("latin1", from, to), isAnswer);
    return this.nuisances.count(isAnswer ? OTHERS : PINGS);
  }
}

const COLON = 0x3a;
