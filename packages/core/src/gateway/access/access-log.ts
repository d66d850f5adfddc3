/**
 * The access log of one worker: lines are collected in memory and written to files that are rotated by size. It never
 * holds up a request: when the disk is slow or full, lines are dropped and counted, and a line of the log says how many.
 */
import { join } from "node:path";
import { LIMITS } from "../../domain/limits.ts";
import type { Clock, Disk, DiskFile, Random } from "../../domain/ports.ts";
import type { RequestRecord } from "../proxy/records.ts";
import type { TableEntry } from "../table.ts";
import { AccessLines } from "./access-line.ts";

const { accessFiles, accessBufferBytes, accessFlushMs, maxAccessPendingBytes } = LIMITS.gateway;
const LF = 0x0a;

/** The file of the worker with this number. */
export function accessFileOf(slot: number): string {
  return `access-${slot}.log`;
}

export interface AccessLogPlace {
  /** `FILE`; older ones beside it are `FILE.1`, `FILE.2` ... Nobody else writes to it. */
  readonly directory: string;
  readonly file: string;
  /** Bytes at which a file is rotated. */
  readonly fileBytes: number;
}

export interface AccessLogOptions extends AccessLogPlace {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly random: Random;
  /** 0 to 1: how many of the requests without an error are told. Those with one always are. */
  readonly share: number;
}

interface Opened {
  readonly file: DiskFile;
  sizeBytes: number;
}

/** Lines that go to the disk together. */
interface Batch {
  readonly bytes: Buffer;
  used: number;
  lines: number;
}

export class AccessLog {
  readonly #options: AccessLogOptions;
  readonly #path: string;
  readonly #lines = new AccessLines();
  #batch: Batch = emptyBatch();
  /** Full ones that wait for the disk. */
  #waiting: Batch[] = [];
  /** One that was written, for the next. */
  #spare: Batch | undefined;
  #isTimed = false;
  #writing: Promise<void> | undefined;
  #opened: Opened | undefined;
  #dropped = 0;
  /** Of the dropped ones, those that no line has told of. */
  #untold = 0;

  constructor(options: AccessLogOptions) {
    this.#options = options;
    this.#path = join(options.directory, options.file);
  }

  /** Lines that were lost since the start: the disk was slow, full or gone. */
  get dropped(): number {
    return this.#dropped;
  }

  /** What is told of routes, besides their uids. */
  setRoutes(put: readonly TableEntry[], remove: readonly string[]): void {
    this.#lines.remove(remove);
    this.#lines.put(put);
  }

  add(record: RequestRecord): void {
    const { share, random, clock } = this.#options;
    const isError = record.error !== undefined || record.status >= 500;
    if (share < 1 && !isError && random.fraction() >= share) return;
    const line = this.#lines.line(record, clock.wallMs());
    if (this.#batch.used + line.length > accessBufferBytes && !this.#nextBatch()) {
      this.#lose(1);
      return;
    }
    const batch = this.#batch;
    // Copied at once: a long string of many parts would live through collections of garbage.
    batch.used += batch.bytes.write(line, batch.used, "latin1");
    batch.lines++;
    if (!this.#isTimed) this.#flushSoon();
  }

  /** Resolves when what was added is written, or lost. */
  async close(): Promise<void> {
    while (this.#hasLines || this.#writing !== undefined) {
      this.#flush();
      await this.#writing;
    }
    await this.#opened?.file.close();
    this.#opened = undefined;
  }

  get #hasLines(): boolean {
    return this.#waiting.length > 0 || this.#batch.lines > 0;
  }

  #lose(lines: number): void {
    this.#dropped += lines;
    this.#untold += lines;
  }

  /** False when too much waits for the disk. */
  #nextBatch(): boolean {
    if (this.#waiting.length * accessBufferBytes >= maxAccessPendingBytes) return false;
    this.#waiting.push(this.#batch);
    this.#batch = this.#spare ?? emptyBatch();
    this.#spare = undefined;
    this.#flush();
    return true;
  }

  #flushSoon(): void {
    this.#isTimed = true;
    void this.#options.clock.sleep(accessFlushMs).then(() => {
      this.#isTimed = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#writing !== undefined || !this.#hasLines) return;
    const [batch = this.#batch] = this.#waiting;
    if (batch === this.#batch) {
      this.#batch = this.#spare ?? emptyBatch();
      this.#spare = undefined;
    }
    this.#writing = this.#write(batch).then(() => {
      if (this.#waiting[0] === batch) this.#waiting.shift();
      batch.used = 0;
      batch.lines = 0;
      this.#spare = batch;
      this.#writing = undefined;
      if (this.#waiting.length > 0) this.#flush();
    });
  }

  /** Never rejects. */
  async #write({ bytes, used, lines }: Batch): Promise<void> {
    const told = this.#untold;
    try {
      if (told > 0) await this.#append(Buffer.from(this.#lostLine(told)));
      this.#untold -= told;
      await this.#append(bytes.subarray(0, used));
    } catch {
      this.#lose(lines);
      // What it wrote in part is cut off when it is opened again.
      await this.#opened?.file.close().catch(() => undefined);
      this.#opened = undefined;
    }
  }

  #lostLine(count: number): string {
    return `{"time":"${new Date(this.#options.clock.wallMs()).toISOString()}","dropped":${count}}\n`;
  }

  async #append(data: Buffer): Promise<void> {
    const opened = await this.#openFor(data.length);
    await opened.file.write(data, opened.sizeBytes);
    opened.sizeBytes += data.length;
  }

  async #openFor(bytes: number): Promise<Opened> {
    this.#opened ??= await this.#open();
    if (this.#opened.sizeBytes === 0 || this.#opened.sizeBytes + bytes <= this.#options.fileBytes) return this.#opened;
    const { file } = this.#opened;
    this.#opened = undefined;
    await file.close();
    await this.#rotate();
    this.#opened = await this.#open();
    return this.#opened;
  }

  /** The oldest goes. When the names cannot be changed, the present file begins anew: the bound holds. */
  async #rotate(): Promise<void> {
    const { disk } = this.#options;
    const nameOf = (age: number) => (age === 0 ? this.#path : `${this.#path}.${age}`);
    try {
      for (let age = accessFiles - 1; age > 0; age--) {
        if ((await disk.stat(nameOf(age - 1))) !== undefined) await disk.rename(nameOf(age - 1), nameOf(age));
      }
    } catch {
      await using file = await disk.open(this.#path, { write: true, create: "if-missing" });
      await file.truncate(0);
    }
  }

  /** Whoever wrote to it before may have been killed in the middle of a line: that one is cut off. */
  async #open(): Promise<Opened> {
    const { disk, directory } = this.#options;
    await disk.makeDirectory(directory);
    const file = await disk.open(this.#path, { write: true, create: "if-missing" });
    try {
      const size = await file.size();
      const tail = Buffer.alloc(Math.min(size, LIMITS.gateway.maxAccessLineBytes));
      await file.read(tail, size - tail.length);
      const whole = size - tail.length + tail.lastIndexOf(LF) + 1;
      if (whole < size) await file.truncate(whole);
      return { file, sizeBytes: whole };
    } catch (error) {
      await file.close();
      throw error;
    }
  }
}

function emptyBatch(): Batch {
  return { bytes: Buffer.allocUnsafeSlow(accessBufferBytes), used: 0, lines: 0 };
}
