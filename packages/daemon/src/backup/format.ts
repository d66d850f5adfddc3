/**
 * The file of a backup, version 1. Little endian.
 *
 *   "SKBACKUP", u32 version, u32 crc32 of the twelve bytes before
 *   frames: u32 length of what follows the frame's head, u8 kind, three zeros, u32 crc32 of the eight bytes before and of
 *   what follows
 *
 * First a manifest (JSON); then parts, each a name (UTF-8) and its data in frames; last an end with the SHA-256 of every
 * byte before it. A file without its end is torn.
 */
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";

const MAGIC = "SKBACKUP";
const VERSION = 1;
const PROLOGUE_BYTES = 16;
const HEAD_BYTES = 12;

const FRAME = { manifest: 1, part: 2, data: 3, end: 4 } as const;

export interface Manifest {
  /** Uid of the cloud. */
  readonly cluster: string;
  /** Of the Skerry that made it. */
  readonly skerry: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Of the store. */
  readonly revision: number;
}

export interface Part {
  readonly name: string;
  readonly data: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** The bytes of a backup, frame by frame. No piece of data is longer than `LIMITS.backup.maxFrameBytes`. */
export async function* encodeBackup(manifest: Manifest, parts: AsyncIterable<Part>): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  const sealed = (bytes: Uint8Array): Uint8Array => {
    hash.update(bytes);
    return bytes;
  };
  yield sealed(prologue());
  yield sealed(frame(FRAME.manifest, Buffer.from(JSON.stringify(manifest))));
  for await (const { name, data } of parts) {
    yield sealed(frame(FRAME.part, Buffer.from(name)));
    for await (const bytes of data) yield sealed(frame(FRAME.data, bytes));
  }
  yield frame(FRAME.end, hash.digest());
}

function prologue(): Buffer {
  const bytes = Buffer.alloc(PROLOGUE_BYTES);
  bytes.write(MAGIC, "latin1");
  bytes.writeUInt32LE(VERSION, 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 12)), 12);
  return bytes;
}

function frame(kind: number, content: Uint8Array): Buffer {
  if (content.length > LIMITS.backup.maxFrameBytes) throw new Error(`a frame of ${content.length} bytes`);
  const bytes = Buffer.alloc(HEAD_BYTES + content.length);
  bytes.writeUInt32LE(content.length, 0);
  bytes.writeUInt8(kind, 4);
  bytes.set(content, HEAD_BYTES);
  bytes.writeUInt32LE(sumOf(bytes), 8);
  return bytes;
}

function sumOf(bytes: Buffer): number {
  return crc32(bytes.subarray(HEAD_BYTES), crc32(bytes.subarray(0, 8)));
}

export type BackupEvent =
  | { readonly kind: "manifest"; readonly manifest: Manifest }
  | { readonly kind: "part"; readonly name: string }
  /** Of the part before. Valid until the next event is asked for. */
  | { readonly kind: "data"; readonly bytes: Buffer }
  | { readonly kind: "end"; readonly sizeBytes: number };

/**
 * What is in the file, each frame checked before it is handed on; the last event is the end.
 * @throws `invalid` (no backup of ours), `unsupported/version`, `internal/corrupt` with the place, `not_found`.
 */
export async function* readBackup(path: string): AsyncGenerator<BackupEvent, void, undefined> {
  await using file = await openFile(path);
  const found = await file.stat();
  if (!found.isFile()) throw notOurs(path);
  const { size } = found;
  const hash = createHash("sha256");
  const first = await readExactly(file, PROLOGUE_BYTES, 0);
  assertPrologue(first, path);
  hash.update(first);
  let offset = PROLOGUE_BYTES;
  for (let number = 0; ; number++) {
    const bytes = await readFrame(file, path, offset, size);
    const content = bytes.subarray(HEAD_BYTES);
    const kind = bytes.readUInt8(4);
    if ((number === 0) !== (kind === FRAME.manifest)) throw damaged(path, offset, "its frames are out of order");
    if (kind === FRAME.end) {
      if (!hash.digest().equals(content)) throw damaged(path, offset, "it does not match its SHA-256");
      const end = offset + bytes.length;
      if (end !== size) throw damaged(path, end, `${size - end} bytes follow its end`);
      yield { kind: "end", sizeBytes: size };
      return;
    }
    hash.update(bytes);
    if (kind === FRAME.manifest) yield { kind: "manifest", manifest: manifestOf(content, path, offset) };
    else if (kind === FRAME.part) yield { kind: "part", name: content.toString("utf8") };
    else if (kind === FRAME.data) yield { kind: "data", bytes: content };
    else throw damaged(path, offset, `there is no frame of kind ${kind}`);
    offset += bytes.length;
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      throw new SkerryError("not_found", `There is no file ${path}.`, {
        hint: "Name a backup: skerry backup create FILE makes one.",
        cause: error,
      });
    }
    const id = code === "EACCES" ? "forbidden" : "invalid";
    throw new SkerryError(id, `The backup ${path} cannot be read (${code}).`, { cause: error });
  }
}

function notOurs(path: string): SkerryError {
  return new SkerryError("invalid", `${path} is not a backup of Skerry.`, {
    hint: "skerry backup create FILE makes one.",
  });
}

async function readExactly(file: FileHandle, length: number, offset: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, offset);
  return bytes.subarray(0, bytesRead);
}

function assertPrologue(bytes: Buffer, path: string): void {
  if (bytes.toString("latin1", 0, 8) !== MAGIC) throw notOurs(path);
  if (bytes.length < PROLOGUE_BYTES || crc32(bytes.subarray(0, 12)) !== bytes.readUInt32LE(12)) {
    throw damaged(path, 0, "its first bytes do not match their checksum");
  }
  const version = bytes.readUInt32LE(8);
  if (version <= VERSION) return;
  throw new SkerryError(
    "unsupported/version",
    `The backup ${path} has format ${version}; this Skerry reads ${VERSION}.`,
    {
      hint: "Restore it with the newer Skerry that made it.",
    },
  );
}

async function readFrame(file: FileHandle, path: string, offset: number, size: number): Promise<Buffer> {
  if (offset === size) throw damaged(path, offset, "it ends before its end: it is torn");
  const head = await readExactly(file, HEAD_BYTES, offset);
  if (head.length < HEAD_BYTES) throw damaged(path, offset, "it ends within a frame: it is torn");
  const length = head.readUInt32LE(0);
  if (length > LIMITS.backup.maxFrameBytes) throw damaged(path, offset, "a frame is longer than any can be");
  const bytes = await readExactly(file, HEAD_BYTES + length, offset);
  if (bytes.length < HEAD_BYTES + length) throw damaged(path, offset, "it ends within a frame: it is torn");
  if (sumOf(bytes) !== bytes.readUInt32LE(8)) throw damaged(path, offset, "a frame does not match its checksum");
  return bytes;
}

function manifestOf(content: Buffer, path: string, offset: number): Manifest {
  const { cluster, skerry, createdAt, revision } = JSON.parse(content.toString("utf8")) as Partial<Manifest>;
  if (
    typeof cluster !== "string" ||
    typeof skerry !== "string" ||
    typeof createdAt !== "string" ||
    !Number.isSafeInteger(revision)
  ) {
    throw damaged(path, offset, "its manifest lacks something");
  }
  return { cluster, skerry, createdAt, revision: revision as number };
}

/** Nothing is ever done with a backup of which a part is damaged. */
export function damaged(path: string, offset: number | undefined, why: string, cause?: unknown): SkerryError {
  const place = offset === undefined ? "" : ` at byte ${offset}`;
  return new SkerryError("internal/corrupt", `The backup ${path} is damaged${place}: ${why}. Nothing was changed.`, {
    hint: "Use another backup.",
    cause,
  });
}
