/** A WebSocket between two sides: bytes go through as they are, each half ends on its own, and a drain says goodbye to both. */
import type { Context } from "./context.ts";
import type { ClientSide, UpstreamSide } from "./sides.ts";
import { FrameEnds, goingAway, maskedGoingAway } from "./websocket-frames.ts";

/** Which sides have sent their last byte. */
const CLIENT_HALF = 1;
const UPSTREAM_HALF = 2;
const BOTH = CLIENT_HALF + UPSTREAM_HALF;

export class Tunnel {
  /** It was told to end. */
  isLeaving = false;
  readonly #context: Context;
  readonly #client: ClientSide;
  readonly #upstream: UpstreamSide;
  readonly #onOver: () => void;
  readonly #up = new FrameEnds();
  readonly #down = new FrameEnds();
  #endedHalves = 0;
  /** Sides that have been told that nothing more comes. */
  #toldHalves = 0;

  /** `onOver` is called once, when both halves have ended or are given up. */
  constructor(context: Context, client: ClientSide, upstream: UpstreamSide, onOver: () => void) {
    this.#context = context;
    this.#client = client;
    this.#upstream = upstream;
    this.#onOver = onOver;
    this.#keep();
  }

  fromClient(buffer: Buffer, from: number, to: number): void {
    if ((this.#toldHalves & UPSTREAM_HALF) !== 0) return;
    const end = this.#up.pass(buffer, from, to, this.isLeaving);
    this.#upstream.sendBody(buffer.subarray(from, end));
    if (this.#upstream.isBlocked) this.#client.pauseBody();
    this.#keep();
    this.#leaveUp();
  }

  fromUpstream(buffer: Buffer, from: number, to: number): void {
    if ((this.#toldHalves & CLIENT_HALF) !== 0) return;
    const end = this.#down.pass(buffer, from, to, this.isLeaving);
    this.#client.sendBody(buffer, from, end);
    if (this.#client.isBlocked) this.#upstream.pause();
    this.#keep();
    this.#leaveDown();
  }

  /** Told more than once, as is the next. */
  endClient(): void {
    this.#endHalf(CLIENT_HALF);
  }

  endUpstream(): void {
    this.#endHalf(UPSTREAM_HALF);
  }

  #endHalf(half: number): void {
    if ((this.#endedHalves & half) !== 0) return;
    this.#endedHalves |= half;
    this.#tell(BOTH - half);
    this.#keep();
    if (this.#endedHalves === BOTH) this.#onOver();
  }

  #tell(half: number): void {
    if ((this.#toldHalves & half) !== 0) return;
    this.#toldHalves |= half;
    if (half === CLIENT_HALF) this.#client.endTunnelHalf();
    else this.#upstream.endTunnelHalf();
  }

  #keep(): void {
    if (this.isLeaving) return;
    const { tunnelIdleMs, halfClosedMs } = this.#context.limits;
    this.#client.setDeadline(this.#endedHalves === 0 ? tunnelIdleMs : halfClosedMs);
  }

  /** Both sides hear that it ends, as soon as a frame has come to its end, and have a moment for it. */
  leave(): void {
    if (this.isLeaving) return;
    this.isLeaving = true;
    this.#client.setDeadline(this.#context.limits.lingerMs);
    this.#leaveDown();
    this.#leaveUp();
  }

  /** They have had their moment. */
  giveUp(): void {
    this.#tell(CLIENT_HALF);
    this.#tell(UPSTREAM_HALF);
    this.#onOver();
  }

  #leaveDown(): void {
    if (!this.isLeaving || !this.#down.isAtEnd || (this.#toldHalves & CLIENT_HALF) !== 0) return;
    if (!this.#down.hasClosed) {
      const frame = goingAway();
      this.#client.sendBody(frame, 0, frame.length);
    }
    this.#tell(CLIENT_HALF);
  }

  #leaveUp(): void {
    if (!this.isLeaving || !this.#up.isAtEnd || (this.#toldHalves & UPSTREAM_HALF) !== 0) return;
    if (!this.#up.hasClosed) this.#upstream.sendBody(maskedGoingAway(this.#context.options.random));
    this.#tell(UPSTREAM_HALF);
  }
}
