/**
 * The headers of a layer's tar, as it passes. It is to be seen as the engine will see it, which reads with Go's
 * archive/tar: a reader that is lenient elsewhere (tar-stream) can be made to see other files than the engine unpacks.
 * Whatever two readers could take in two ways is refused; what writes layers writes none of it.
 */
import { posix } from "node:path";
import type { SkerryError } from "../domain/errors.ts";
import { KiB, MiB } from "../domain/units.ts";
import { refused, tooLarge } from "./image-refusals.ts";

const BLOCK = 512;
/** Go's own bound for what precedes a file: a long name, PAX records. */
const MAX_META_BYTES = 1 * MiB;
/** Linux has no longer path. */
const MAX_PATH_BYTES = 4 * KiB;
/** Of one file: a long name, a long link, PAX records. */
const MAX_METAS = 3;

const FILES = "\0" + "0";
/** Links, devices, folders, pipes: they have no content. */
const EMPTY = "123456";
const METAS = "xgLK";

export interface LayerContent {
  /** Files and folders, also the folders that are not said. */
  readonly files: number;
  /** Why it cannot be a layer. */
  readonly problem?: SkerryError;
}

export class LayerTar {
  readonly #count: (files: number) => void;
  #skip = 0;
  /** What is being put together: a header, or what precedes a file. */
  #part = Buffer.alloc(BLOCK);
  #has = 0;
  #meta: string | undefined;
  #metas = 0;
  #longName: string | undefined;
  #records: ReadonlyMap<string, string> | undefined;
  #path: readonly string[] = [];
  #zero = false;
  #ended = false;
  #files = 0;
  #problem: SkerryError | undefined;

  /** `count` hears of each file and folder that unpacking would make. What it throws, `push` throws. */
  constructor(count: (files: number) => void) {
    this.#count = count;
  }

  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.#ended && this.#problem === undefined) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, bytes.length - at);
        this.#skip -= passed;
        at += passed;
        continue;
      }
      const taken = bytes.subarray(at, at + this.#part.length - this.#has);
      this.#part.set(taken, this.#has);
      this.#has += taken.length;
      at += taken.length;
      if (this.#has === this.#part.length) this.#take();
    }
  }

  /** After the last byte. */
  end(): LayerContent {
    if (!this.#ended && (this.#skip > 0 || this.#has > 0 || this.#meta !== undefined)) this.#refuse("it is cut off");
    return { files: this.#files, ...(this.#problem === undefined ? {} : { problem: this.#problem }) };
  }

  #take(): void {
    this.#has = 0;
    if (this.#meta === undefined) {
      this.#takeHeader(this.#part);
      return;
    }
    const [meta, content] = [this.#meta, this.#part];
    this.#meta = undefined;
    this.#part = Buffer.alloc(BLOCK);
    this.#skip = padding(content.length);
    if (meta === "L") this.#longName = textOf(content);
    if (meta !== "x" && meta !== "g") return;
    const records = recordsOf(content);
    if (records === undefined) this.#refuse("it has records that cannot be read");
    else if ([...records.keys()].some((key) => key.startsWith("GNU.sparse."))) this.#refuseSparse();
    else if (meta === "x") this.#records = records;
  }

  #takeHeader(header: Buffer): void {
    if (header.every((byte) => byte === 0)) {
      this.#ended = this.#zero;
      this.#zero = true;
      return;
    }
    const type = String.fromCharCode(header[156] ?? 0);
    const size = numberOf(header.subarray(124, 136));
    if (this.#zero || size === undefined || !hasSum(header)) this.#refuse("it is damaged, or no tar file");
    else if (type === "S") this.#refuseSparse();
    else if (METAS.includes(type)) this.#takeMeta(type, size);
    else if (FILES.includes(type) || EMPTY.includes(type)) this.#takeFile(type, size, header);
    else this.#refuse(`it holds something of the kind ${JSON.stringify(type)}, which no layer has`);
  }

  #takeMeta(type: string, size: number): void {
    // Which of two holds, or whether one does, readers do not agree upon.
    if (this.#records !== undefined && (type === "x" || type === "g")) this.#refuse("a file has records twice");
    else if (++this.#metas > MAX_METAS) this.#refuse("a file has too much before it");
    else if (size > MAX_META_BYTES) this.#refuse("a file has a name or records that are too long");
    else if (size > 0) {
      this.#meta = type;
      this.#part = Buffer.alloc(size);
    }
  }

  #takeFile(type: string, own: number, header: Buffer): void {
    const records = this.#records;
    const size = records?.get("size") ? wholeNumber(records.get("size")) : own;
    const path = this.#longName || records?.get("path") || nameOf(header);
    this.#records = undefined;
    this.#longName = undefined;
    this.#metas = 0;
    if (size === undefined) {
      this.#refuse("a file has a size that is none");
    } else if (size > 0 && (EMPTY.includes(type) || path.endsWith("/"))) {
      this.#refuse("it has a link or folder with content");
    } else if (path.length > MAX_PATH_BYTES) {
      this.#refuse("it has a path that is too long");
    } else {
      this.#countPath(path);
      this.#skip = size + padding(size);
    }
  }

  /** Folders that nobody names are made as well: one path could make thousands. Those of the path before are there. */
  #countPath(text: string): void {
    const path = posix.normalize(text).split("/").filter(Boolean);
    let shared = 0;
    while (shared < path.length - 1 && path[shared] === this.#path[shared]) shared++;
    this.#path = path;
    const made = Math.max(1, path.length - shared);
    this.#files += made;
    this.#count(made);
  }

  #refuse(why: string): void {
    this.#problem ??= refused(`one of its layers is not as docker save writes it: ${why}`);
  }

  #refuseSparse(): void {
    this.#problem = tooLarge(
      "one of its layers has a sparse file, of which the engine would write all holes",
      "Make the image without it, or write the layer with: tar --no-sparse",
    );
  }
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** Up to the first NUL; one character for each byte. */
function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("latin1", 0, end < 0 ? bytes.length : end);
}

function nameOf(header: Buffer): string {
  const name = textOf(header.subarray(0, 100));
  const magic = header.toString("latin1", 257, 262);
  const prefix = textOf(header.subarray(345, 500));
  // GNU tar has times in this place.
  const isPrefix = magic === "ustar" && prefix !== "" && (header[262] === 0 || prefix.includes("/"));
  return isPrefix ? `${prefix}/${name}` : name;
}

/** Octal, or in bytes when it is too large for that. */
function numberOf(field: Buffer): number | undefined {
  if (field[0] === 0x80) {
    const isSafe = field.subarray(1, -6).every((byte) => byte === 0);
    return isSafe ? field.readUIntBE(field.length - 6, 6) : undefined;
  }
  const digits = /^[ \0]*([0-7]*)[ \0]*$/.exec(field.toString("latin1"))?.[1];
  return digits === undefined ? undefined : Number.parseInt(`0${digits}`, 8);
}

function hasSum(header: Buffer): boolean {
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += header[i] ?? 0;
  return numberOf(header.subarray(148, 156)) === sum;
}

function wholeNumber(text = ""): number | undefined {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** PAX: `30 mtime=1350244992.023960108\n`, one after another. Undefined when it is anything else. */
function recordsOf(content: Buffer): ReadonlyMap<string, string> | undefined {
  const records = new Map<string, string>();
  let at = 0;
  while (at < content.length) {
    const space = content.indexOf(" ", at);
    const length = space < 0 || space - at > 7 ? undefined : wholeNumber(content.toString("latin1", at, space));
    if (length === undefined || length > content.length - at || length <= space - at + 2) return undefined;
    const record = content.toString("latin1", space + 1, at + length);
    const equals = record.indexOf("=");
    if (equals <= 0 || !record.endsWith("\n") || record.slice(0, equals).includes("\0")) return undefined;
    records.set(record.slice(0, equals), record.slice(equals + 1, -1));
    at += length;
  }
  return records;
}
