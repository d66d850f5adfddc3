/** Bytes both ways, after both sides have left HTTP: each side ends for itself. */
import type { ClientSide, UpstreamSide } from "./sides.ts";

interface TunnelLimits {
  readonly tunnelIdleMs: number;
  readonly halfClosedMs: number;
}

export class Tunnel {
  readonly #client: ClientSide;
  readonly #upstream: UpstreamSide;
  readonly #limits: TunnelLimits;
  #clientHasEnded = false;
  #upstreamHasEnded = false;

  readonly #onOver: () => void;

  /** `onOver` is called once, when both sides have sent their last byte. */
  constructor(client: ClientSide, upstream: UpstreamSide, limits: TunnelLimits, onOver: () => void) {
    this.#onOver = onOver;
    this.#client = client;
    this.#upstream = upstream;
    this.#limits = limits;
    this.#keep();
  }

  fromClient(buffer: Buffer, from: number, to: number): void {
    this.#upstream.sendBody(buffer.subarray(from, to));
    if (this.#upstream.isBlocked) this.#client.pauseBody();
    this.#keep();
  }

  fromUpstream(buffer: Buffer, from: number, to: number): void {
    this.#client.sendBody(buffer, from, to);
    if (this.#client.isBlocked) this.#upstream.pause();
    this.#keep();
  }

  /** Told more than once. */
  endClient(): void {
    if (this.#clientHasEnded) return;
    this.#clientHasEnded = true;
    this.#upstream.endTunnelHalf();
    this.#onEnd();
  }

  /** Told more than once. */
  endUpstream(): void {
    if (this.#upstreamHasEnded) return;
    this.#upstreamHasEnded = true;
    this.#client.endTunnelHalf();
    this.#onEnd();
  }

  #onEnd(): void {
    if (this.#clientHasEnded && this.#upstreamHasEnded) this.#onOver();
    else this.#keep();
  }

  #keep(): void {
    const { tunnelIdleMs, halfClosedMs } = this.#limits;
    this.#client.setDeadline(this.#clientHasEnded || this.#upstreamHasEnded ? halfClosedMs : tunnelIdleMs);
  }
}
