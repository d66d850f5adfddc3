/**
 * Header blocks to fields (RFC 7541). What exceeds the limits is decoded on, because the table must stay the peer's, and
 * given up. A block that changes nothing in the table is remembered: the next one of the same bytes is the same object.
 */
import { Field, STATIC_TABLE } from "./field.ts";
import { huffmanDecode } from "./huffman.ts";
import { COMPRESSION_ERROR, Fault } from "./protocol.ts";

export interface FieldBlock {
  readonly fields: readonly Field[];
  /** The fields are more, or larger, than the limits; `fields` holds only some of them. */
  readonly isTooLarge: boolean;
  /** What somebody has made of it, kept with it. */
  reading: unknown;
}

export interface DecoderLimits {
  /** Bytes of all names and values, each field 32 more. */
  readonly maxListBytes: number;
  readonly maxFields: number;
  /** Bytes of a block. The caller sees to it. */
  readonly maxBlockBytes: number;
}

/** What SETTINGS_HEADER_TABLE_SIZE is when nobody says otherwise; we do not. */
const TABLE_BYTES = 4096;

const BAD_INTEGER = new Fault(COMPRESSION_ERROR, "A number in a header block has no end, or is too large.");
const BAD_INDEX = new Fault(COMPRESSION_ERROR, "A header block names a field that is in no table.");
const CUT = new Fault(COMPRESSION_ERROR, "A header block ends within a field.");
const BAD_CODE = new Fault(COMPRESSION_ERROR, "A string in a header block is not in the Huffman code.");
const BAD_SIZE = new Fault(
  COMPRESSION_ERROR,
  "A header block makes the table larger than allowed, or not at its start.",
);

/** Four bytes of seven bits behind the prefix: larger than anything that is allowed here. */
const MAX_SHIFT = 21;
const STATIC_COUNT = STATIC_TABLE.length;
/** Blocks up to this are remembered, one in each of so many places. */
const REMEMBERED_BYTES = 128;
const PLACES = 8;

interface Remembered {
  readonly bytes: Buffer;
  length: number;
  /** Of the table. */
  version: number;
  block: FieldBlock | undefined;
}

let scratch = Buffer.alloc(0);

export class HpackDecoder {
  readonly #limits: DecoderLimits;
  /** A ring: the newest field lies before `#next`. */
  #ring: (Field | undefined)[] = new Array(16).fill(undefined);
  #next = 0;
  #count = 0;
  #tableBytes = 0;
  #maxTableBytes = TABLE_BYTES;
  #version = 0;
  #bytes: Buffer = scratch;
  #at = 0;
  #to = 0;
  #fault: Fault | undefined;
  readonly #remembered: (Remembered | undefined)[] = [];

  constructor(limits: DecoderLimits) {
    this.#limits = limits;
    const needed = Math.ceil((limits.maxBlockBytes * 8) / 5);
    if (scratch.length < needed) scratch = Buffer.allocUnsafeSlow(needed);
  }

  /** Bytes `from` to `to` are a whole block. A fault ends the connection: the tables differ. */
  decode(bytes: Buffer, from: number, to: number): FieldBlock | Fault {
    const length = to - from;
    if (length > REMEMBERED_BYTES || length === 0) return this.#decode(bytes, from, to);
    const place = (length + (bytes[to - 1] as number) * 3 + (bytes[from + (length >> 1)] as number)) & (PLACES - 1);
    const known = this.#remembered[place];
    if (known?.block !== undefined && known.version === this.#version && known.length === length) {
      let i = 0;
      while (i < length && known.bytes[i] === bytes[from + i]) i++;
      if (i === length) return known.block;
    }
    const version = this.#version;
    const block = this.#decode(bytes, from, to);
    if (version === this.#version && !(block instanceof Fault)) this.#remember(place, bytes, from, length, block);
    return block;
  }

  #remember(place: number, bytes: Buffer, from: number, length: number, block: FieldBlock): void {
    let known = this.#remembered[place];
    if (known === undefined) {
      known = { bytes: Buffer.allocUnsafeSlow(REMEMBERED_BYTES), length: 0, version: 0, block: undefined };
      this.#remembered[place] = known;
    }
    bytes.copy(known.bytes, 0, from, from + length);
    known.length = length;
    known.version = this.#version;
    known.block = block;
  }

  #decode(bytes: Buffer, from: number, to: number): FieldBlock | Fault {
    const { maxFields, maxListBytes } = this.#limits;
    const fields: Field[] = [];
    let listBytes = 0;
    let isTooLarge = false;
    this.#bytes = bytes;
    this.#at = from;
    this.#to = to;
    this.#fault = undefined;
    let isStart = true;
    while (this.#at < to) {
      const first = bytes[this.#at] as number;
      if ((first & 0xe0) === 0x20) {
        if (!isStart || !this.#resize(this.#integer(31))) return this.#fault ?? BAD_SIZE;
        continue;
      }
      isStart = false;
      const field = this.#field(first);
      if (field === undefined) return this.#fault ?? BAD_INDEX;
      listBytes += field.sizeBytes;
      if (listBytes > maxListBytes || fields.length === maxFields) isTooLarge = true;
      else fields.push(field);
    }
    return { fields, isTooLarge, reading: undefined };
  }

  #field(first: number): Field | undefined {
    if (first >= 0x80) return this.#indexed(this.#integer(127));
    const isAdded = first >= 0x40;
    const index = this.#integer(isAdded ? 63 : 15);
    if (this.#fault !== undefined) return undefined;
    const name = index === 0 ? this.#string() : this.#indexed(index)?.name;
    if (name === undefined) return undefined;
    const value = this.#string();
    if (value === undefined) return undefined;
    const field = new Field(name, value);
    if (isAdded) this.#add(field);
    return field;
  }

  #indexed(index: number): Field | undefined {
    if (index <= 0) return undefined;
    if (index < STATIC_COUNT) return STATIC_TABLE[index];
    const age = index - STATIC_COUNT;
    return age < this.#count ? this.#ring[(this.#next - 1 - age) & (this.#ring.length - 1)] : undefined;
  }

  /** RFC 7541 5.1; `prefix` is the largest number that fits the first byte. -1 with a fault. */
  #integer(prefix: number): number {
    let value = (this.#bytes[this.#at++] as number) & prefix;
    if (value < prefix) return value;
    for (let shift = 0; shift <= MAX_SHIFT; shift += 7) {
      if (this.#at >= this.#to) {
        this.#fault = CUT;
        return -1;
      }
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    this.#fault = BAD_INTEGER;
    return -1;
  }

  #string(): string | undefined {
    if (this.#at >= this.#to) {
      this.#fault = CUT;
      return undefined;
    }
    const isHuffman = (this.#bytes[this.#at] as number) >= 0x80;
    const length = this.#integer(127);
    if (length < 0) return undefined;
    const from = this.#at;
    const to = from + length;
    if (to > this.#to) {
      this.#fault = CUT;
      return undefined;
    }
    this.#at = to;
    if (!isHuffman) return this.#bytes.toString("latin1", from, to);
    const decoded = huffmanDecode(this.#bytes, from, to, scratch);
    if (decoded >= 0) return scratch.toString("latin1", 0, decoded);
    this.#fault = BAD_CODE;
    return undefined;
  }

  #add(field: Field): void {
    this.#version++;
    this.#evict(this.#maxTableBytes - field.sizeBytes);
    // One that is larger than the table empties it, and is not kept (RFC 7541 4.4).
    if (field.sizeBytes > this.#maxTableBytes) return;
    if (this.#count === this.#ring.length) this.#grow();
    this.#ring[this.#next] = field;
    this.#next = (this.#next + 1) & (this.#ring.length - 1);
    this.#count++;
    this.#tableBytes += field.sizeBytes;
  }

  #grow(): void {
    const old = this.#ring;
    const ring = new Array<Field | undefined>(old.length * 2).fill(undefined);
    for (let i = 0; i < this.#count; i++) ring[i] = old[(this.#next - this.#count + i) & (old.length - 1)];
    this.#ring = ring;
    this.#next = this.#count;
  }

  #evict(toBytes: number): void {
    while (this.#tableBytes > toBytes && this.#count > 0) {
      const at = (this.#next - this.#count) & (this.#ring.length - 1);
      this.#tableBytes -= (this.#ring[at] as Field).sizeBytes;
      this.#ring[at] = undefined;
      this.#count--;
    }
  }

  #resize(bytes: number): boolean {
    if (bytes < 0 || bytes > TABLE_BYTES) return false;
    this.#version++;
    this.#maxTableBytes = bytes;
    this.#evict(bytes);
    return true;
  }
}
