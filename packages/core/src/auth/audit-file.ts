/** The files of the audit log: `audit.log` and the older `audit.log.1` ... Lines of JSON, appended, rotated by size. */
import { dirname } from "node:path";
import { LIMITS } from "../domain/limits.ts";
import type { Disk, DiskFile } from "../domain/ports.ts";

const NAME = "audit.log";
const BLOCK_BYTES = 64 * 1024;
const NEWLINE = 10;

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** The last `limit` lines before `end`, newest first. */
async function lastLines(file: DiskFile, end: number, limit: number): Promise<string[]> {
  const lines: string[] = [];
  let rest = Buffer.alloc(0);
  let position = end;
  while (position > 0 && lines.length < limit) {
    const length = Math.min(BLOCK_BYTES, position);
    position -= length;
    const block = Buffer.alloc(length);
    const count = await file.read(block, position);
    let bytes = Buffer.concat([block.subarray(0, count), rest]);
    for (let at = bytes.lastIndexOf(NEWLINE); at >= 0 && lines.length < limit; at = bytes.lastIndexOf(NEWLINE)) {
      const line = bytes.subarray(at + 1);
      if (line.length > 0) lines.push(line.toString());
      bytes = bytes.subarray(0, at);
    }
    rest = bytes;
  }
  if (lines.length < limit && rest.length > 0) lines.push(rest.toString());
  return lines;
}

export class AuditFile {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #maxBytes: number;
  readonly #maxFiles: number;
  #file: DiskFile | undefined;
  #sizeBytes = 0;
  #dirty = false;
  #syncing: Promise<void> = Promise.resolve();

  constructor(options: { disk: Disk; directory: string; maxBytes?: number; maxFiles?: number }) {
    this.#disk = options.disk;
    this.#directory = options.directory;
    this.#maxBytes = options.maxBytes ?? LIMITS.auth.auditFileBytes;
    this.#maxFiles = options.maxFiles ?? LIMITS.auth.auditFiles;
  }

  get dirty(): boolean {
    return this.#dirty;
  }

  /** Opens, or opens again after a failure. A line that was torn by a crash is cut. */
  async open(): Promise<void> {
    await this.close().catch(() => undefined);
    await this.#disk.makeDirectory(this.#directory);
    const file = await this.#disk.open(this.#path(0), { write: true, create: "if-missing" });
    try {
      this.#sizeBytes = await this.#cutTornLine(file);
      // Also shows, before anything is appended, whether a disk that failed works again.
      await file.syncData();
      await this.#disk.syncDirectory(this.#directory);
      await this.#disk.syncDirectory(dirname(this.#directory));
    } catch (error) {
      await file.close().catch(() => undefined);
      throw error;
    }
    this.#file = file;
  }

  /** Whole lines. They are in the file when it resolves, safe after `sync`. Not to be called again before that. */
  async append(lines: string): Promise<void> {
    const bytes = Buffer.from(lines);
    if (this.#sizeBytes > 0 && this.#sizeBytes + bytes.length > this.#maxBytes) await this.#rotate();
    await this.#opened().write(bytes, this.#sizeBytes);
    this.#sizeBytes += bytes.length;
    this.#dirty = true;
  }

  async sync(): Promise<void> {
    if (!this.#dirty) return;
    this.#dirty = false;
    const syncing = this.#opened().syncData();
    // A rotation must not close the file under the sync.
    this.#syncing = syncing.catch(() => undefined);
    await syncing;
  }

  /** The newest lines, newest first, also from rotated files. */
  async tail(limit: number): Promise<string[]> {
    const lines: string[] = [];
    for (let index = 0; index < this.#maxFiles && lines.length < limit; index++) {
      try {
        await using file = await this.#disk.open(this.#path(index));
        const end = index === 0 ? Math.min(this.#sizeBytes, await file.size()) : await file.size();
        lines.push(...(await lastLines(file, end, limit - lines.length)));
      } catch (error) {
        // A rotation that was cut short leaves a gap in the numbers.
        if (!isMissing(error)) throw error;
      }
    }
    return lines;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await this.#syncing;
    await file?.close();
  }

  #opened(): DiskFile {
    if (this.#file === undefined) throw new Error("the audit log is not open");
    return this.#file;
  }

  #path(index: number): string {
    return index === 0 ? `${this.#directory}/${NAME}` : `${this.#directory}/${NAME}.${index}`;
  }

  async #cutTornLine(file: DiskFile): Promise<number> {
    const size = await file.size();
    let position = size;
    while (position > 0) {
      const length = Math.min(BLOCK_BYTES, position);
      const block = Buffer.alloc(length);
      await file.read(block, position - length);
      const newline = block.lastIndexOf(NEWLINE);
      if (newline >= 0) {
        position = position - length + newline + 1;
        break;
      }
      position -= length;
    }
    if (position < size) await file.truncate(position);
    return position;
  }

  async #rotate(): Promise<void> {
    await this.sync();
    await this.close();
    for (let index = this.#maxFiles - 1; index >= 0; index--) {
      try {
        if (index === this.#maxFiles - 1) await this.#disk.remove(this.#path(index));
        else await this.#disk.rename(this.#path(index), this.#path(index + 1));
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    }
    this.#file = await this.#disk.open(this.#path(0), { write: true, create: "exclusive" });
    this.#sizeBytes = 0;
    await this.#disk.syncDirectory(this.#directory);
  }
}
