/**
 * The client's half of a WebSocket (RFC 6455), as far as a terminal needs it: binary messages, no extensions. The daemon has
 * `ws`; here that would load TLS and zlib for each command in a container, a quarter of all that such a call costs.
 */
import { createHash, randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { SkerryError } from "../../domain/errors.ts";

/** RFC 6455, 1.3. */
const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const OPCODES = { continuation: 0, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** 4.2: two bytes, the length in eight more, the mask in four. */
const MAX_HEAD_BYTES = 14;
const MAX_CONTROL_BYTES = 125;
const NORMAL_CLOSURE = Buffer.from([0x03, 0xe8]);

export interface Handshake {
  readonly headers: Readonly<Record<string, string>>;
  /** @throws `unavailable` when the answer is not that of a WebSocket that speaks the protocol. */
  readonly assertAccepted: (answer: IncomingMessage) => void;
}

export function createHandshake(protocol: string): Handshake {
  const key = randomBytes(16).toString("base64");
  const accept = createHash("sha1").update(`${key}${ACCEPT_SUFFIX}`).digest("base64");
  return {
    headers: {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": key,
      "sec-websocket-protocol": protocol,
    },
    assertAccepted({ headers }) {
      const isOurs =
        headers.upgrade?.toLowerCase() === "websocket" &&
        headers["sec-websocket-accept"] === accept &&
        headers["sec-websocket-protocol"] === protocol &&
        headers["sec-websocket-extensions"] === undefined;
      if (!isOurs) throw new SkerryError("unavailable", "The server opened something that is no terminal of Skerry.");
    },
  };
}

export interface MessageHandlers {
  /** Once for each whole message, in order. */
  readonly onMessage: (bytes: Uint8Array) => void;
  /** Once, at the end, however it came. */
  readonly onClose: () => void;
}

interface Frame {
  readonly opcode: number;
  readonly isLast: boolean;
  readonly payload: Buffer;
}

/** What is not as the RFC has it ends the connection. */
export class WebSocketClient implements Disposable {
  readonly #socket: Duplex;
  readonly #maxMessageBytes: number;
  readonly #handlers: MessageHandlers;
  /** What has come of a frame that is not whole yet. */
  #received: Buffer[] = [];
  #receivedBytes = 0;
  /** So much must have come before it is worth looking again. */
  #neededBytes = 2;
  /** The frames of a message that is not whole yet. */
  #fragments: Buffer[] | undefined;
  #ended = false;

  /** `head`: what came behind the answer to the handshake. */
  constructor(socket: Duplex, head: Buffer, maxMessageBytes: number, handlers: MessageHandlers) {
    this.#socket = socket;
    this.#maxMessageBytes = maxMessageBytes;
    this.#handlers = handlers;
    socket.on("error", () => undefined); // the close tells
    socket.on("close", () => {
      this.#ended = true;
      handlers.onClose();
    });
    socket.on("end", () => socket.destroy());
    if (head.length > 0) socket.unshift(head);
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
  }

  /** Resolves when it has been handed to the system, or nobody takes it any more. */
  send(bytes: Uint8Array): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.#socket.write(encodeFrame(OPCODES.binary, bytes), () => resolve());
    });
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** At once, without a word. */
  terminate(): void {
    this.#ended = true;
    this.#socket.destroy();
  }

  /** Says that it is the end, and waits for no answer. */
  [Symbol.dispose](): void {
    this.#close(NORMAL_CLOSURE);
  }

  #close(reason: Uint8Array): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.end(encodeFrame(OPCODES.close, reason), () => this.#socket.destroy());
  }

  #take(bytes: Buffer): void {
    this.#received.push(bytes);
    this.#receivedBytes += bytes.length;
    if (this.#receivedBytes < this.#neededBytes) return;
    let rest = Buffer.concat(this.#received);
    while (!this.#ended) {
      const frame = this.#frameOf(rest);
      if (typeof frame === "number") {
        this.#neededBytes = frame;
        break;
      }
      rest = rest.subarray(frame.sizeBytes);
      this.#handle(frame);
    }
    this.#received = [rest];
    this.#receivedBytes = rest.length;
  }

  /** The first frame, or how many bytes it takes to say more. */
  #frameOf(bytes: Buffer): (Frame & { readonly sizeBytes: number }) | number {
    const [first, second] = bytes;
    if (first === undefined || second === undefined) return 2;
    const opcode = first & 0x0f;
    const isLast = (first & 0x80) !== 0;
    const short = second & 0x7f;
    const isControl = opcode >= OPCODES.close;
    // Bits that only an extension gives a meaning, and a mask, which a server has none of.
    if ((first & 0x70) !== 0 || (second & 0x80) !== 0) return this.#refuse();
    if (isControl && (!isLast || short > MAX_CONTROL_BYTES)) return this.#refuse();
    const headBytes = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (bytes.length < headBytes) return headBytes;
    const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    const pending = isControl ? 0 : sizeOf(this.#fragments ?? []);
    if (pending + length > this.#maxMessageBytes) return this.#refuse();
    const sizeBytes = headBytes + length;
    if (bytes.length < sizeBytes) return sizeBytes;
    return { opcode, isLast, sizeBytes, payload: bytes.subarray(headBytes, sizeBytes) };
  }

  #handle({ opcode, isLast, payload }: Frame): void {
    switch (opcode) {
      case OPCODES.ping:
        this.#socket.write(encodeFrame(OPCODES.pong, payload));
        return;
      case OPCODES.pong:
        return;
      case OPCODES.close:
        this.#close(payload.subarray(0, 2));
        return;
      case OPCODES.binary:
      case OPCODES.continuation: {
        if ((opcode === OPCODES.continuation) !== (this.#fragments !== undefined)) {
          this.#refuse();
          return;
        }
        const parts = [...(this.#fragments ?? []), payload];
        this.#fragments = isLast ? undefined : parts;
        if (isLast) this.#handlers.onMessage(parts.length === 1 ? payload : Buffer.concat(parts));
        return;
      }
      default:
        this.#refuse();
    }
  }

  #refuse(): number {
    this.terminate();
    return Number.POSITIVE_INFINITY;
  }
}

function sizeOf(parts: readonly Buffer[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

/** One whole frame, masked as a client must (5.3). */
function encodeFrame(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const extended = length > 0xffff ? 8 : length > MAX_CONTROL_BYTES ? 2 : 0;
  const frame = Buffer.allocUnsafe(MAX_HEAD_BYTES - 8 + extended + length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (extended === 8 ? 127 : extended === 2 ? 126 : length);
  if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  else if (extended === 2) frame.writeUInt16BE(length, 2);
  const mask = randomBytes(4);
  const at = 2 + extended;
  frame.set(mask, at);
  for (let i = 0; i < length; i++) frame[at + 4 + i] = (payload[i] as number) ^ (mask[i & 3] as number);
  return frame;
}
