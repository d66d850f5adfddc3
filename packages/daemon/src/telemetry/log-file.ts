/** The log in a file: appended, 0600, rotated by size (FILE, FILE.1 ... FILE.4). */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { LogDestination } from "./log-destination.ts";

export interface LogFileOptions {
  readonly path: string;
  /** Size at which it is rotated. */
  readonly maxBytes?: number;
  /** Files that are kept, the present one included; at least 2. */
  readonly maxFiles?: number;
}

interface Opened {
  readonly descriptor: number;
  /** False for /dev/null and the like, which are not rotated. */
  readonly regular: boolean;
  sizeBytes: number;
}

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;

/** @throws `invalid` when the file cannot be opened for writing. */
export class LogFile implements LogDestination {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #maxFiles: number;
  /** Undefined when it could not be opened again; tried with each line. */
  #file: Opened | undefined;
  #dropped = 0;
  #lastFailure: string | undefined;

  constructor({ path, maxBytes = LIMITS.log.fileBytes, maxFiles = LIMITS.log.files }: LogFileOptions) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#maxFiles = maxFiles;
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      this.#file = open(path);
    } catch (error) {
      throw cannotOpen(path, error);
    }
  }

  get droppedLines(): number {
    return this.#dropped;
  }

  get lastFailure(): string | undefined {
    return this.#lastFailure;
  }

  /** The whole line is in the file, or nothing of it is. */
  write(line: string): boolean {
    try {
      this.#append(Buffer.from(line));
      return true;
    } catch (error) {
      this.#lastFailure = codeOf(error);
      this.#dropped++;
      return false;
    }
  }

  reopen(): void {
    const before = this.#file;
    try {
      this.#file = open(this.#path);
    } catch (error) {
      // The old file still takes lines.
      this.#lastFailure = codeOf(error);
      return;
    }
    if (before !== undefined) closeSync(before.descriptor);
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file.descriptor);
    this.#file = undefined;
  }

  #append(bytes: Uint8Array): void {
    let file = this.#file ?? open(this.#path);
    this.#file = file;
    if (file.regular && file.sizeBytes > 0 && file.sizeBytes + bytes.length > this.#maxBytes) file = this.#rotate(file);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(file.descriptor, bytes, written);
    } catch (error) {
      if (written > 0) this.#cut(file, written);
      throw error;
    }
    file.sizeBytes += bytes.length;
  }

  /** Takes back the beginning of a line whose rest had no room, so that the next line starts on its own. */
  #cut(file: Opened, written: number): void {
    if (!file.regular) return;
    try {
      ftruncateSync(file.descriptor, file.sizeBytes);
    } catch {
      file.sizeBytes += written;
    }
  }

  /** The file that takes the next line. */
  #rotate(file: Opened): Opened {
    try {
      for (let index = this.#maxFiles - 1; index >= 1; index--) this.#shift(index);
    } catch (error) {
      // The directory forbids it: the newest lines are worth more than the oldest, and the file must not grow for ever.
      this.#lastFailure = codeOf(error);
      ftruncateSync(file.descriptor, 0);
      file.sizeBytes = 0;
      return file;
    }
    closeSync(file.descriptor);
    this.#file = undefined;
    this.#file = open(this.#path);
    return this.#file;
  }

  /** FILE.3 becomes FILE.4; what was FILE.4 is gone. */
  #shift(index: number): void {
    try {
      renameSync(index === 1 ? this.#path : `${this.#path}.${index - 1}`, `${this.#path}.${index}`);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
    }
  }
}

function open(path: string): Opened {
  // Not blocking, no links: a named pipe or a planted link must not stop or misdirect the log.
  const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
  const descriptor = openSync(path, flags, 0o600);
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile() && !stat.isCharacterDevice()) throw new Error("it is not a regular file");
    if (stat.isFile() && (stat.mode & 0o077) !== 0) fchmodSync(descriptor, 0o600);
    return { descriptor, regular: stat.isFile(), sizeBytes: stat.size };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}

function cannotOpen(path: string, cause: unknown): SkerryError {
  const code = codeOf(cause);
  const why: Readonly<Record<string, string>> = {
    ELOOP: "it is a symbolic link",
    EISDIR: "it is a directory",
    ENXIO: "it is not a regular file",
    unknown: "it is not a regular file",
    EACCES: "the system refuses access",
    EROFS: "its file system is read-only",
    ENOSPC: "the disk is full",
  };
  return new SkerryError("invalid", `The log file ${path} cannot be opened: ${why[code] ?? code}.`, {
    hint: "Choose another with --log-file, or leave it out: then the log goes to standard output.",
    cause,
  });
}
