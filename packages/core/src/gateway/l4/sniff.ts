/** Waits for as much of a connection as says what is spoken on it. What was read goes on with the decision. */
import type { Socket } from "node:net";
import type { HelloLimits } from "../tls/client-hello.ts";
import { detect, type Spoken } from "./detect.ts";

export interface SniffLimits extends HelloLimits {
  /** Who says nothing for so long waits for the server to speak. */
  readonly silenceMs: number;
  /** What is spoken must be known within this. */
  readonly detectMs: number;
}

export interface SniffWorld {
  readonly limits: SniffLimits;
  later(inMs: number, run: () => void): () => void;
}

export interface Sniffed {
  /** `other` also when it was not known in time, `silence` when nothing came. */
  readonly spoken: Exclude<Spoken, "undecided"> | "silence";
  readonly early: Buffer;
  /** The client sends no more. */
  readonly hasEnded: boolean;
}

export class Sniffer {
  readonly socket: Socket;
  readonly #world: SniffWorld;
  /** Undefined: it is gone. */
  readonly #decide: (sniffed: Sniffed | undefined) => void;
  #bytes: Buffer = Buffer.alloc(0);
  #callOff: () => void;
  #isOver = false;

  constructor(world: SniffWorld, socket: Socket, decide: (sniffed: Sniffed | undefined) => void) {
    this.#world = world;
    this.socket = socket;
    this.#decide = decide;
    this.#callOff = world.later(world.limits.silenceMs, () => this.#end("silence", false));
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("close", this.#onClose);
    // What was put back is heard too.
    socket.resume();
  }

  /** It is not wanted any more. */
  cut(): void {
    this.socket.resetAndDestroy();
  }

  readonly #onData = (bytes: Buffer): void => {
    const { limits } = this.#world;
    if (this.#bytes.length === 0) {
      this.#callOff();
      this.#callOff = this.#world.later(limits.detectMs, () => this.#end("other", false));
      this.#bytes = bytes;
    } else this.#bytes = Buffer.concat([this.#bytes, bytes]);
    const spoken = detect(this.#bytes, limits);
    if (spoken !== "undecided") this.#end(spoken, false);
  };

  readonly #onEnd = (): void => this.#end(this.#bytes.length === 0 ? "silence" : "other", true);

  readonly #onClose = (): void => {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#callOff();
    this.#decide(undefined);
  };

  #end(spoken: Sniffed["spoken"], hasEnded: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#callOff();
    const { socket } = this;
    socket.off("data", this.#onData);
    socket.off("end", this.#onEnd);
    socket.off("close", this.#onClose);
    // Nothing more is read until somebody else does.
    socket.pause();
    this.#decide({ spoken, early: this.#bytes, hasEnded });
  }
}
