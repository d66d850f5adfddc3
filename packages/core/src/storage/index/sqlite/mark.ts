/**
 * The mark: a file of 24 bytes beside the database that holds the number of the last durable commit. Written after each
 * commit without a sync of its own, so it is never ahead of the database, but may be behind. It is how a log that SQLite
 * cut at a bad frame is told from one that ended there.
 * Bytes: "SKYM", u32 version, u64 commits, u32 zero, u32 crc32c of what stands before; little endian.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { crc32c } from "@node-rs/crc32";
import { SkerryError } from "../../../domain/errors.ts";

const MAGIC = 0x4d594b53;
const VERSION = 1;
const SIZE = 24;

/** Where the mark of the database at `path` is. */
export function markPath(path: string): string {
  return join(dirname(path), "index.mark");
}

/** Undefined when there is none. @throws `internal/corrupt`, `unsupported/version`. */
export function readMark(path: string): number | undefined {
  if (!existsSync(path)) return undefined;
  const bytes = readFileSync(path);
  if (
    bytes.length < SIZE ||
    bytes.readUInt32LE(0) !== MAGIC ||
    crc32c(bytes.subarray(0, 20)) !== bytes.readUInt32LE(20)
  )
    throw new SkerryError("internal/corrupt", "The mark of the object index does not match its checksum.", {
      hint: `When the disk is sound again, remove ${path}: the index then starts without knowing whether its log is whole.`,
    });
  if (bytes.readUInt32LE(4) > VERSION)
    throw new SkerryError("unsupported/version", "The mark of the object index was written by a newer Skerry.");
  return Number(bytes.readBigUInt64LE(8));
}

export interface Mark {
  write(commits: number): void;
  close(): void;
}

/** Opens the mark, or makes it. Once made its block is on the disk, so that later writes go in place and need no room. */
export function openMark(path: string, commits: number): Mark {
  const bytes = Buffer.alloc(SIZE);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(VERSION, 4);
  const encode = (count: number): Buffer => {
    bytes.writeBigUInt64LE(BigInt(count), 8);
    bytes.writeUInt32LE(crc32c(bytes.subarray(0, 20)), 20);
    return bytes;
  };
  if (!existsSync(path)) create(path, encode(commits));
  const fd = openSync(path, "r+");
  const write = (count: number): void => {
    writeSync(fd, encode(count), 0, SIZE, 0);
  };
  write(commits);
  return { write, close: () => closeSync(fd) };
}

/** Under another name first: a half-written mark must never be found. */
function create(path: string, content: Buffer): void {
  const draft = `${path}.new`;
  writeFileSync(draft, content, { mode: 0o600, flush: true });
  renameSync(draft, path);
  const directory = openSync(dirname(path), "r");
  fsyncSync(directory);
  closeSync(directory);
}
