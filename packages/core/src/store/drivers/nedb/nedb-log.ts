/**
 * NeDB used as a log: one document for each transaction, appended, synced by us. The documents in NeDB's memory hold ids
 * only; the serialisation hooks put the record's line in place of the id and add the checksum, so that the state is in
 * memory once (the engine's). Does its own I/O: NeDB writes by file name, so a disk port could not stand below it.
 */
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import Datastore from "nedb-promises";
import { LIMITS } from "../../../domain/limits.ts";
import { closedError } from "../../commit.ts";
import { type LogDriver, type LogHeader, type LogLine, LogLost } from "../../log.ts";
import type { Mark } from "../mark.ts";
import { readLines } from "./check.ts";
import { frameLine, HEADER_ID, parseLine, recordId, snapshotId } from "./frame.ts";

type Documents = ReturnType<typeof Datastore.create>;

interface IdDocument {
  _id: string;
}

interface FramedLine {
  readonly id: string;
  readonly line: string;
}

/** The two steps that tests let fail. */
export interface NedbIo {
  readonly insert: (insert: () => Promise<unknown>) => Promise<unknown>;
  readonly datasync: (file: FileHandle) => Promise<void>;
}

export const REAL_IO: NedbIo = {
  insert: (insert) => insert(),
  datasync: (file) => file.datasync(),
};

const MODES = { fileMode: 0o600, dirMode: 0o700 };
/** Lines that a rewrite hands to NeDB at once, unless they are too long together. */
const REWRITE_BATCH = 256;

/** What is in the file is not ours alone: it must not be cut. */
class FileChanged extends Error {}

/** One file with NeDB on it, and our own descriptor for syncing. */
class LogFile {
  readonly #io: NedbIo;
  /** Lines on their way through NeDB, by id. */
  readonly #lines = new Map<string, string>();
  readonly #documents: Documents;
  #path: string;
  #file: FileHandle | undefined;
  #inode = 0;
  sizeBytes = 0;

  private constructor(path: string, io: NedbIo) {
    this.#path = path;
    this.#io = io;
    this.#documents = Datastore.create({
      filename: path,
      corruptAlertThreshold: 0,
      modes: MODES,
      afterSerialization: (text: string) => this.#takeLine(text),
      beforeDeserialization: (line: string) => this.#keepLine(line),
    } as Parameters<typeof Datastore.create>[0]);
  }

  /** Loads the file, or makes an empty one. What it holds is durable afterwards: NeDB writes it anew and syncs it. */
  static async open(path: string, io: NedbIo): Promise<LogFile> {
    const log = new LogFile(path, io);
    await log.#documents.load();
    log.#lines.clear();
    log.#file = await open(path, "r+");
    const { ino, size } = await log.#file.stat();
    log.#inode = ino;
    log.sizeBytes = size;
    return log;
  }

  /** Not durable before `sync`. */
  async write(lines: readonly FramedLine[]): Promise<void> {
    for (const { id, line } of lines) this.#lines.set(id, line);
    await this.#io.insert(() => this.#documents.insert(lines.map(({ id }): IdDocument => ({ _id: id }))));
    for (const { line } of lines) this.sizeBytes += Buffer.byteLength(line) + 1;
  }

  async sync(): Promise<void> {
    // NeDB appends by name. If the name leads elsewhere by now, our descriptor would sync the wrong file.
    await this.assertOurs();
    await this.#io.datasync(this.#file as FileHandle);
  }

  /** @throws `FileChanged` */
  async assertOurs(): Promise<void> {
    const { ino, size } = await stat(this.#path).catch((error: NodeJS.ErrnoException) => {
      throw error.code === "ENOENT" ? new FileChanged(`${this.#path} is gone.`) : error;
    });
    if (ino === this.#inode && size === this.sizeBytes) return;
    throw new FileChanged(`${this.#path} was changed by someone else (inode ${ino}, ${size} bytes).`);
  }

  /** Cuts what a failed append left behind. As far as the disk lets us: a restart cuts it otherwise. */
  async cutTo(sizeBytes: number): Promise<void> {
    await this.#file?.truncate(sizeBytes);
    await this.#file?.datasync();
  }

  /** The file gets this name; NeDB goes on under it. */
  async moveTo(path: string): Promise<void> {
    await rename(this.#path, path);
    this.#path = path;
    const original = (this.#documents as unknown as { __original: NedbOriginal }).__original;
    original.filename = path;
    original.persistence.filename = path;
    await syncDirectory(dirname(path));
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  #takeLine(text: string): string {
    const { _id: id } = JSON.parse(text) as IdDocument;
    const line = this.#lines.get(id);
    // NeDB would write a document that it loaded long ago: its line is gone, and a file of bare ids would be the end.
    if (line === undefined) throw new Error(`NeDB tried to rewrite record ${id} of the log.`);
    this.#lines.delete(id);
    return line;
  }

  #keepLine(line: string): string {
    const parsed = parseLine(Buffer.from(line));
    if (!parsed) throw new Error("A line of the log has a wrong checksum.");
    this.#lines.set(parsed.id, line);
    return JSON.stringify({ _id: parsed.id } satisfies IdDocument);
  }
}

interface NedbOriginal {
  filename: string;
  persistence: { filename: string };
}

export class NedbLog implements LogDriver {
  readonly name = "nedb";
  readonly #path: string;
  readonly #io: NedbIo;
  readonly #mark: Mark;
  #file: LogFile;

  private constructor(path: string, file: LogFile, mark: Mark, io: NedbIo) {
    this.#path = path;
    this.#file = file;
    this.#mark = mark;
    this.#io = io;
  }

  /** Opens the file at `path`, which must have been checked, or makes one with these first lines. */
  static async open(
    path: string,
    mark: Mark,
    io: NedbIo,
    create?: { header: LogHeader; snapshot: string },
  ): Promise<NedbLog> {
    await removeLeftovers(path);
    const file = create
      ? await buildFile(
          path,
          [frame(HEADER_ID, JSON.stringify(create.header)), frame(snapshotId(0), create.snapshot)],
          io,
        )
      : await LogFile.open(path, io);
    return new NedbLog(path, file, mark, io);
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes;
  }

  async append(lines: readonly LogLine[]): Promise<void> {
    const { sizeBytes } = this.#file;
    try {
      await this.#file.write(lines.map(({ seq, body }) => frame(recordId(seq), body)));
      await this.#file.sync();
    } catch (error) {
      if (!(error instanceof FileChanged)) await this.#file.cutTo(sizeBytes).catch(() => undefined);
      throw error;
    }
    await this.markDurable((lines.at(-1) as LogLine).seq);
  }

  async markDurable(seq: number): Promise<void> {
    await this.#mark.write(seq);
  }

  async rewrite(header: LogHeader, snapshot: AsyncIterable<string>, keepFrom: number): Promise<void> {
    let file: LogFile;
    try {
      file = await buildFile(this.#path, this.#rewrittenLines(header, snapshot, keepFrom), this.#io);
    } catch (error) {
      await removeLeftovers(this.#path).catch(() => undefined);
      throw error instanceof FileChanged ? new LogLost(error) : error;
    }
    const old = this.#file;
    this.#file = file;
    await old.close();
  }

  async close(): Promise<void> {
    await this.#file.close();
    await this.#mark.close();
  }

  async *#rewrittenLines(
    header: LogHeader,
    snapshot: AsyncIterable<string>,
    keepFrom: number,
  ): AsyncGenerator<FramedLine> {
    yield frame(HEADER_ID, JSON.stringify(header));
    let parts = 0;
    for await (const part of snapshot) yield frame(snapshotId(parts++), part);
    // What is missing here would be missing for good.
    await this.#file.assertOurs();
    const first = recordId(keepFrom);
    for await (const { bytes } of readLines(this.#path)) {
      const parsed = parseLine(bytes);
      // A restart would refuse this log, and with it all that would be acknowledged from now on.
      if (!parsed) throw new LogLost(closedError(`a line of ${this.#path} went bad since it was written`));
      if (parsed.id >= first) yield { id: parsed.id, line: bytes.toString("utf8") };
    }
  }
}

function frame(id: string, json: string): FramedLine {
  return { id, line: frameLine(id, json) };
}

/** A new file beside the old one, which it replaces when it is complete and durable. */
async function buildFile(
  path: string,
  lines: Iterable<FramedLine> | AsyncIterable<FramedLine>,
  io: NedbIo,
): Promise<LogFile> {
  const file = await LogFile.open(`${path}.new`, io);
  try {
    let batch: FramedLine[] = [];
    let length = 0;
    for await (const line of lines) {
      batch.push(line);
      length += line.line.length;
      if (batch.length < REWRITE_BATCH && length < LIMITS.store.maxGroupCommitBytes) continue;
      await file.write(batch);
      batch = [];
      length = 0;
    }
    if (batch.length > 0) await file.write(batch);
    await file.sync();
  } catch (error) {
    await file.close();
    throw error;
  }
  // From here on a crash finds the new file, so a failure leaves no way back to the old one.
  await file.moveTo(path).catch(async (error: unknown) => {
    await file.close();
    throw new LogLost(error);
  });
  return file;
}

/** What a crash in the middle of a rewrite left: never the only copy, since the log itself is there or was never made. */
async function removeLeftovers(path: string): Promise<void> {
  for (const suffix of [".new", ".new~", "~"]) await rm(path + suffix, { force: true });
}

export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, "r");
  await directory.sync();
}
