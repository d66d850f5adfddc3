/**
 * Compresses a body as it comes, in threads of Node's pool. Windows are small: what one holds is bounded, and so is, by the streams'
 * own marks, what waits before and behind it.
 */
import type { Transform } from "node:stream";
import { constants, createBrotliCompress, createGzip, createZstdCompress } from "node:zlib";
import type { Encoding } from "../../domain/compress-rules.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { AnswerFilter, FilterHost } from "./filter.ts";

const { compressWindowBits, compressBufferBytes } = LIMITS.actions;

/** What each is good at while somebody waits. */
const USUAL: Readonly<Record<Encoding, number>> = { zstd: 3, br: 4, gzip: 5 };

interface Flushing extends Transform {
  flush(callback?: () => void): void;
}

function open(encoding: Encoding, level = USUAL[encoding]): Flushing {
  const bounds = { highWaterMark: compressBufferBytes, chunkSize: compressBufferBytes };
  switch (encoding) {
    case "gzip":
      return createGzip({ ...bounds, level, windowBits: compressWindowBits, memLevel: 8 });
    case "br": {
      const { BROTLI_PARAM_QUALITY: quality, BROTLI_PARAM_LGWIN: window } = constants;
      return createBrotliCompress({ ...bounds, params: { [quality]: level, [window]: compressWindowBits + 2 } });
    }
    case "zstd": {
      const { ZSTD_c_compressionLevel: quality, ZSTD_c_windowLog: window } = constants;
      return createZstdCompress({ ...bounds, params: { [quality]: level, [window]: compressWindowBits + 2 } });
    }
  }
}

/** Bytes of all that was compressed, before and after. */
export interface CompressedBytes {
  compressedIn: number;
  compressedOut: number;
}

export class Compressor implements AnswerFilter {
  readonly absorbs = false;
  readonly #stream: Flushing;
  readonly #onClose: () => void;
  /** Somebody may wait for what has come so far. */
  readonly #flushes: boolean;
  #trailers = "";
  #isClosed = false;
  /** Bytes came since the last flush. */
  #isDirty = false;
  readonly #bytes: CompressedBytes;

  /** `flushes`: what has come goes out when no more comes. `onClose`: once, at its end. */
  constructor(
    host: FilterHost,
    { encoding, level }: { readonly encoding: Encoding; readonly level?: number | undefined },
    flushes: boolean,
    onClose: () => void,
    bytes: CompressedBytes = { compressedIn: 0, compressedOut: 0 },
  ) {
    this.#bytes = bytes;
    this.#flushes = flushes;
    this.#onClose = onClose;
    const stream = open(encoding, level);
    this.#stream = stream;
    stream.on("data", (part: Buffer) => {
      bytes.compressedOut += part.length;
      if (!this.#isClosed && !host.onFiltered(part)) stream.pause();
    });
    stream.on("drain", () => {
      if (!this.#isClosed) host.onFilterDrain();
    });
    stream.on("end", () => {
      if (!this.#isClosed) host.onFilterEnd(this.#trailers);
    });
    stream.on("error", () => {
      if (!this.#isClosed) host.onFilterError();
    });
  }

  get isBlocked(): boolean {
    return this.#stream.writableNeedDrain;
  }

  take(buffer: Buffer, from: number, to: number): void {
    this.give(Buffer.from(buffer.subarray(from, to)));
  }

  give(bytes: Buffer): void {
    this.#isDirty = true;
    this.#bytes.compressedIn += bytes.length;
    this.#stream.write(bytes);
  }

  flush(): void {
    if (!this.#flushes || !this.#isDirty) return;
    this.#isDirty = false;
    this.#stream.flush();
  }

  end(trailers: string): void {
    this.#trailers = trailers;
    this.#stream.end();
  }

  resume(): void {
    this.#stream.resume();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stream.destroy();
    this.#onClose();
  }
}
