/**
 * The watermark beside a log: the newest record that is known durable, overwritten in place after each group commit. A log
 * that ends before it has lost acknowledged data, which the log alone cannot tell from a torn tail. The mark itself is not
 * synced: after a power cut it may be old or damaged, never ahead of the log. Does its own I/O, as the drivers do.
 */
import { type FileHandle, open, readFile } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { SkerryError } from "../../domain/errors.ts";

const SIZE_BYTES = 80;

export type FoundMark =
  | { readonly state: "missing" | "damaged" }
  | { readonly state: "found"; seq: number; store: string };

export function markPath(path: string): string {
  return `${path}.mark`;
}

export function encodeMark(seq: number, store: string): Buffer {
  const text = `skerry-mark ${String(seq).padStart(16, "0")} ${store}`;
  const line = `${text} ${crc32(text).toString(16).padStart(8, "0")}`;
  if (line.length >= SIZE_BYTES) throw new SkerryError("internal", "The store's identity does not fit its watermark.");
  return Buffer.from(`${line.padEnd(SIZE_BYTES - 1)}\n`);
}

export function decodeMark(bytes: Buffer): FoundMark {
  const found = /^(skerry-mark (\d{16}) (\S+)) ([0-9a-f]{8}) *\n$/.exec(bytes.toString("latin1"));
  if (!found || bytes.length !== SIZE_BYTES) return { state: "damaged" };
  const [, text, seq, store, sum] = found as unknown as [string, string, string, string, string];
  if (crc32(text).toString(16).padStart(8, "0") !== sum) return { state: "damaged" };
  return { state: "found", seq: Number(seq), store };
}

export async function readMark(path: string): Promise<FoundMark> {
  try {
    return decodeMark(await readFile(markPath(path)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { state: "missing" };
    throw error;
  }
}

export class Mark {
  readonly #file: FileHandle;
  readonly #store: string;

  private constructor(file: FileHandle, store: string) {
    this.#file = file;
    this.#store = store;
  }

  /** Creates it (0600) or takes the one that is there. */
  static async open(path: string, store: string): Promise<Mark> {
    const file = await open(markPath(path), "r+", 0o600).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return open(markPath(path), "wx+", 0o600);
      throw error;
    });
    return new Mark(file, store);
  }

  /** All records up to `seq` are durable. */
  async write(seq: number): Promise<void> {
    await this.#file.write(encodeMark(seq, this.#store), 0, SIZE_BYTES, 0);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
