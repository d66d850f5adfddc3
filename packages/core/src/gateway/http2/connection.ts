/**
 * One HTTP/2 connection, of either side: frames to streams, streams to frames. All that is sent in one turn of the loop goes
 * in one write. What breaks the rules ends the stream or the connection with a named error (RFC 9113 5.4).
 */
import type { Wire, WireOwner } from "../proxy/wire.ts";
import type { ConnectionLimits, ConnectionOptions, ConnectionOwner } from "./connection-owner.ts";
import { countCode, type Http2Counts } from "./counts.ts";
import { FrameReader } from "./frame-reader.ts";
import {
  frameHead,
  goAwayFrame,
  headersFrame,
  pingFrame,
  resetFrame,
  SETTINGS_ACK,
  settingsFrame,
  windowFrame,
} from "./frames.ts";
import type { FieldBlock } from "./hpack-decoder.ts";
import { type FrameHost, Incoming } from "./incoming.ts";
import { CRUMBS, OTHERS, RESETS } from "./nuisances.ts";
import { Outbox } from "./outbox.ts";
import {
  ENABLE_CONNECT_PROTOCOL,
  ENABLE_PUSH,
  INITIAL_WINDOW_SIZE,
  MAX_CONCURRENT_STREAMS,
  MAX_HEADER_LIST_SIZE,
  PeerSettings,
} from "./peer-settings.ts";
import {
  CANCEL,
  DATA,
  DEFAULT_WINDOW,
  ENHANCE_YOUR_CALM,
  Fault,
  FLOW_CONTROL_ERROR,
  MAX_STREAM_ID,
  MAX_WINDOW,
  NO_ERROR,
  PREFACE,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
} from "./protocol.ts";
import { ResetIds } from "./reset-ids.ts";
import { Http2Stream, type StreamHost } from "./stream.ts";
import { ReceiveWindow } from "./windows.ts";

const NOT_HTTP2 = new Fault(PROTOCOL_ERROR, "The connection does not begin with the preface of HTTP/2.");
const OVERFLOW = new Fault(FLOW_CONTROL_ERROR, "A window is larger than 2^31-1.");
const DEAF = new Fault(ENHANCE_YOUR_CALM, "The peer does not read the answers to its frames.");

const PROBE = "areyouok";
const GOODBYE = "goodbye.";

export class Http2Connection implements WireOwner, StreamHost, FrameHost {
  readonly readsAfterFailedWrite = false;
  readonly isServer: boolean;
  readonly counts: Http2Counts;
  readonly opensStreams: boolean;
  readonly peer = new PeerSettings();
  readonly streams = new Map<number, Http2Stream>();
  readonly received: ReceiveWindow;
  sendWindow = DEFAULT_WINDOW;
  lastPeerId = 0;
  lastOwnId = -1;
  /** The peer has confirmed our settings. */
  isSettled = false;
  /** Nothing more is sent or taken. */
  isOver = false;
  /** No new streams come, or may be opened. */
  isLeaving = false;

  readonly #owner: ConnectionOwner;
  readonly #limits: ConnectionLimits;
  readonly #incoming: Incoming;
  readonly #reader: FrameReader;
  readonly #outbox: Outbox;
  #wire: Wire | undefined;
  /** Bytes of the preface that came. */
  #prefaceBytes = 0;
  readonly #resetIds = new ResetIds();
  #mustShrink = false;

  constructor(owner: ConnectionOwner, { isServer, limits, flusher, nowMs, counts }: ConnectionOptions) {
    this.#owner = owner;
    this.counts = counts;
    this.isServer = isServer;
    this.opensStreams = !isServer;
    this.#limits = limits;
    this.#outbox = new Outbox(flusher, () => this.#endWhenDone());
    this.received = new ReceiveWindow(DEFAULT_WINDOW, limits.connectionWindowBytes);
    this.#incoming = new Incoming(this, limits, nowMs);
    this.#reader = new FrameReader(this.#incoming);
  }

  /** Sends our preface. The wire's owner is this connection. */
  begin(wire: Wire): void {
    this.#wire = wire;
    this.#outbox.wire = wire;
    this.counts.connections++;
    this.counts.connectionsTotal++;
    const { maxStreams, maxListBytes, streamWindowBytes } = this.#limits;
    const both = [[INITIAL_WINDOW_SIZE, streamWindowBytes] as const, [MAX_HEADER_LIST_SIZE, maxListBytes] as const];
    if (this.isServer) {
      this.#put(settingsFrame([[MAX_CONCURRENT_STREAMS, maxStreams], [ENABLE_CONNECT_PROTOCOL, 1], ...both]));
    } else this.#put(PREFACE + settingsFrame([[ENABLE_PUSH, 0], ...both]));
  }

  get isWireBlocked(): boolean {
    return this.#outbox.isBlocked;
  }

  get isGreeted(): boolean {
    return this.#incoming.isGreeted;
  }

  /** By then the header block that is being read must be whole. */
  get openBlockByMs(): number {
    return this.#incoming.openBlockByMs;
  }

  /** Another stream may be opened now. */
  get mayOpen(): boolean {
    const hasRoom = this.streams.size < this.peer.maxStreams && this.lastOwnId < MAX_STREAM_ID - 2;
    return hasRoom && !this.isLeaving && !this.isOver && this.isGreeted;
  }

  /** A stream of ours; its head must be sent before another one is opened. */
  open(): Http2Stream {
    this.lastOwnId += 2;
    return this.#newStream(this.lastOwnId);
  }

  #newStream(id: number): Http2Stream {
    const { streamWindowBytes, maxStreamWindowBytes } = this.#limits;
    const received = new ReceiveWindow(streamWindowBytes, maxStreamWindowBytes);
    const stream = new Http2Stream(this, id, this.peer.windowBytes, received);
    this.streams.set(id, stream);
    this.counts.streams++;
    this.counts.streamsTotal++;
    return stream;
  }

  onBytes(buffer: Buffer, from: number, to: number): number {
    let at = from;
    if (this.isServer) {
      while (this.#prefaceBytes < PREFACE.length && at < to) {
        if (buffer[at++] !== PREFACE.charCodeAt(this.#prefaceBytes++)) {
          this.fail(NOT_HTTP2);
          return to;
        }
      }
    }
    if (this.isOver) return to;
    this.#reader.take(buffer, at, to);
    if (this.#reader.fault !== undefined) this.fail(this.#reader.fault);
    this.#owner.onReadEnd();
    return to;
  }

  onRequest(id: number, block: FieldBlock, endsStream: boolean): Fault | undefined {
    this.lastPeerId = id;
    // The last GOAWAY has told that it is not looked at (RFC 9113 6.8).
    if (this.isLeaving) {
      this.#resetIds.add(id);
      return this.#incoming.nuisances.count(OTHERS);
    }
    if (this.streams.size >= this.#limits.maxStreams) {
      this.#sendReset(id, REFUSED_STREAM);
      return this.#incoming.nuisances.count(RESETS);
    }
    const stream = this.#newStream(id);
    this.#owner.onStream(stream, block, endsStream);
    return endsStream && !stream.isOver ? this.#incoming.end(stream, undefined) : undefined;
  }

  onSettings(windowChange: number): Fault | undefined {
    if (windowChange !== 0) {
      for (const stream of this.streams.values()) {
        stream.sendWindow += windowChange;
        if (stream.sendWindow > MAX_WINDOW) return OVERFLOW;
      }
    }
    if (this.peer.mustShrink) {
      this.peer.mustShrink = false;
      this.#mustShrink = true;
    }
    this.#answer(SETTINGS_ACK);
    this.#owner.onSettings();
    this.onRoom();
    return undefined;
  }

  onSettled(): void {
    this.isSettled = true;
  }

  onPing(data: string, isAnswer: boolean): void {
    if (!isAnswer) this.#answer(pingFrame(data, true));
    else if (data === GOODBYE) this.finishLeaving();
  }

  onGoAway(lastId: number, code: number): void {
    countCode(this.counts.goAwaysReceived, code);
    if (this.isServer) return;
    this.isLeaving = true;
    for (const stream of [...this.streams.values()]) {
      if (stream.id > lastId) stream.onPeerReset(REFUSED_STREAM, true);
    }
    this.#owner.onGoAway();
    this.#endWhenDone();
  }

  wasReset(id: number): boolean {
    return this.#resetIds.has(id);
  }

  refuse(id: number, fault: Fault): Fault | undefined {
    const stream = this.streams.get(id);
    if (stream === undefined) {
      this.#sendReset(id, fault.code);
    } else stream.fail(fault.code);
    return this.#incoming.nuisances.count(RESETS);
  }

  giveBackUnread(bytes: number): void {
    const more = this.received.giveBack(bytes, true);
    if (more > 0) this.#answer(windowFrame(0, more));
  }

  giveBack(stream: Http2Stream, bytes: number): void {
    // Streams of many clients share a connection to an upstream: a slow one must not stop the others.
    if (this.isServer) this.giveBackUnread(bytes);
    if (stream.isOver || stream.hasPeerEnded) return;
    const more = stream.received.giveBack(bytes, !stream.hasHeld);
    if (more > 0) this.#answer(windowFrame(stream.id, more));
  }

  onDataCame(bytes: number): void {
    if (!this.isServer) this.giveBackUnread(bytes);
  }

  onEnd(): void {
    if (this.isOver) this.#wire?.destroy();
    else this.#owner.onPeerEnd();
  }

  onClose(): void {
    this.isOver = true;
    this.counts.connections--;
    this.#resetAll(CANCEL);
    this.#owner.onClose();
  }

  #put(frames: string): void {
    if (this.isOver) return;
    this.#outbox.put(frames);
  }

  /** What the peer has caused. */
  #answer(frames: string): void {
    this.#put(frames);
    if (this.#outbox.waitingBytes > this.#limits.maxWaitingBytes && this.isWireBlocked) this.fail(DEAF);
  }

  wake(stream: Http2Stream): void {
    this.#outbox.wake(stream);
  }

  awaitRoom(stream: Http2Stream): void {
    this.#outbox.awaitRoom(stream);
  }

  onRoom(): void {
    this.#outbox.onRoom();
  }

  onDrain(): void {
    if (this.isOver) this.#owner.onSent();
    else this.#outbox.onDrain();
  }

  sendHeaders(stream: Http2Stream, block: string, endsStream: boolean): void {
    const shrink = this.#mustShrink ? "\x20" : "";
    this.#mustShrink = false;
    this.#put(headersFrame(stream.id, shrink + block, endsStream));
  }

  sendData(stream: Http2Stream, flags: number, data: string | Buffer): void {
    const head = frameHead(data.length, DATA, flags, stream.id);
    this.#incoming.nuisances.onData();
    if (typeof data === "string") this.#put(head + data);
    else this.#outbox.putBytes(head, data);
  }

  onCrumb(): void {
    const fault = this.#incoming.nuisances.count(CRUMBS);
    if (fault !== undefined) this.fail(fault);
  }

  beginWrite(): void {
    this.#outbox.begin();
  }

  endWrite(): void {
    this.#outbox.end();
  }

  sendReset(stream: Http2Stream, code: number): void {
    this.#sendReset(stream.id, code);
  }

  #sendReset(id: number, code: number): void {
    this.#resetIds.add(id);
    countCode(this.counts.resetsSent, code);
    this.#answer(resetFrame(id, code));
  }

  onStreamOver(stream: Http2Stream): void {
    if (this.streams.delete(stream.id)) this.counts.streams--;
    this.#outbox.forget(stream);
    if (stream.isEndSent && stream.hasPeerEnded) this.#incoming.nuisances.onStreamDone();
    this.#owner.onStreamOver(stream);
    if (this.isLeaving && this.streams.size === 0) this.#outbox.flushSoon();
  }

  /** Whoever is there answers. */
  ping(): void {
    this.#put(pingFrame(PROBE, false));
  }

  /** Takes no more streams; those that are open come to their end. The peer may have sent some meanwhile: they are taken. */
  leave(): void {
    if (!this.isServer) {
      this.isLeaving = true;
      this.#endWhenDone();
    } else this.#put(this.#goAway(MAX_STREAM_ID, NO_ERROR) + pingFrame(GOODBYE, false));
  }

  /** The peer knows, or does not say so. */
  finishLeaving(): void {
    if (this.isLeaving || this.isOver) return;
    this.#put(this.#goAway(this.lastPeerId, NO_ERROR));
    this.isLeaving = true;
    this.#endWhenDone();
  }

  #endWhenDone(): void {
    if (this.isLeaving && this.streams.size === 0 && !this.isOver) this.#finish("", undefined);
  }

  /** Ends the connection, and all that is on it, with this error. */
  fail(fault: Fault): void {
    if (!this.isOver) this.#finish(this.#goAway(this.lastPeerId, fault.code, fault.message), fault);
  }

  #goAway(lastId: number, code: number, message = ""): string {
    countCode(this.counts.goAwaysSent, code);
    return goAwayFrame(lastId, code, message);
  }

  #finish(last: string, fault: Fault | undefined): void {
    this.isOver = true;
    this.#resetAll(CANCEL);
    this.#outbox.close(last);
    this.#owner.onOver(fault);
  }

  #resetAll(code: number): void {
    for (const stream of [...this.streams.values()]) stream.onPeerReset(code, false);
  }
}
