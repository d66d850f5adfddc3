/** An HTTP/2 client that writes any bytes, and reads what comes as simply as can be. */
import { HpackDecoder } from "../gateway/http2/hpack-decoder.ts";
import { Fault } from "../gateway/http2/protocol.ts";
import type { RawClient } from "./proxy-world.ts";

const LIMITS = { maxListBytes: 1_000_000, maxFields: 1000, maxBlockBytes: 1_000_000 };

export class RawHttp2 {
  /** Of the last head of each stream. */
  readonly statuses = new Map<number, number>();
  readonly resets = new Map<number, number>();
  readonly endedStreams = new Set<number>();
  /** All data, by stream. */
  readonly data = new Map<number, string>();
  readonly pings: string[] = [];
  /** Names and values of the last head of each stream. */
  readonly heads = new Map<number, readonly string[]>();
  /** The error and the number of the last stream, of each GOAWAY. */
  readonly goAways: { readonly code: number; readonly lastId: number }[] = [];
  goAwayText = "";
  settingsAcks = 0;
  readonly #client: RawClient;
  readonly #decoder = new HpackDecoder(LIMITS);
  #at = 0;

  constructor(client: RawClient) {
    this.#client = client;
    client.socket.on("data", () => this.#read());
  }

  get goAway(): number | undefined {
    return this.goAways.at(-1)?.code;
  }

  get hasEnded(): boolean {
    return this.#client.hasEnded || this.#client.isClosed;
  }

  /** Latin1. */
  write(text: string): void {
    this.#client.write(text);
  }

  close(): void {
    this.#client.socket.destroy();
  }

  #read(): void {
    for (;;) {
      const bytes = Buffer.from(this.#client.text.slice(this.#at, this.#at + 9), "latin1");
      if (bytes.length < 9) return;
      const end = this.#at + 9 + bytes.readUIntBE(0, 3);
      if (this.#client.text.length < end) return;
      const payload = Buffer.from(this.#client.text.slice(this.#at + 9, end), "latin1");
      this.#at = end;
      this.#take(bytes[3] as number, bytes[4] as number, bytes.readUInt32BE(5), payload);
    }
  }

  #take(type: number, flags: number, id: number, payload: Buffer): void {
    if (type === 0) this.data.set(id, (this.data.get(id) ?? "") + payload.toString("latin1"));
    else if (type === 1) this.#takeHead(id, payload);
    else if (type === 3) this.resets.set(id, payload.readUInt32BE(0));
    else if (type === 4 && (flags & 1) === 1) this.settingsAcks++;
    else if (type === 6) this.pings.push(payload.toString("latin1"));
    else if (type === 7) {
      this.goAways.push({ lastId: payload.readUInt32BE(0), code: payload.readUInt32BE(4) });
      this.goAwayText = payload.toString("latin1", 8);
    }
    if (type < 2 && (flags & 1) === 1) this.endedStreams.add(id);
  }

  #takeHead(id: number, payload: Buffer): void {
    const block = this.#decoder.decode(payload, 0, payload.length);
    if (block instanceof Fault) throw new Error(block.message);
    const status = block.fields.find(({ name }) => name === ":status");
    if (status !== undefined) this.statuses.set(id, Number(status.value));
    this.heads.set(
      id,
      block.fields.map(({ name, value }) => `${name}: ${value}`),
    );
  }
}
