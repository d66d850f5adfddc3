/**
 * Checks a write-ahead log before SQLite opens it. SQLite takes a WAL up to its first bad frame and forgets the rest without
 * a word. That is right for a commit that a crash cut short, and silent loss for a damaged byte in an older one.
 * Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
 */

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC_LITTLE_ENDIAN = 0x377f0682;
const MAGIC_BIG_ENDIAN = 0x377f0683;

type Checksum = readonly [number, number];

interface Wal {
  readonly bytes: DataView;
  readonly littleEndian: boolean;
  readonly frameBytes: number;
  readonly frames: number;
}

/** Where acknowledged data is damaged, as a byte offset, or `undefined` when SQLite will lose nothing that was synced. */
export function findWalDamage(file: Uint8Array): { readonly offset: number } | undefined {
  if (file.length < HEADER_BYTES) return undefined;
  const bytes = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const magic = bytes.getUint32(0);
  const pageBytes = bytes.getUint32(8);
  const headerSum: Checksum = [bytes.getUint32(24), bytes.getUint32(28)];
  const littleEndian = magic !== MAGIC_BIG_ENDIAN;
  const known = magic === MAGIC_LITTLE_ENDIAN || magic === MAGIC_BIG_ENDIAN;
  if (!known || !same(sum(bytes, 0, 24, [0, 0], littleEndian), headerSum)) {
    // SQLite writes and syncs the header before the first frame: frames behind a bad one were real.
    return hasFramesOfAnySize(bytes) ? { offset: 0 } : undefined;
  }
  const frameBytes = FRAME_HEADER_BYTES + pageBytes;
  const wal: Wal = { bytes, littleEndian, frameBytes, frames: Math.floor((file.length - HEADER_BYTES) / frameBytes) };
  let running = headerSum;
  for (let frame = 0; frame < wal.frames; frame++) {
    const stored = storedSum(wal, frame);
    if (hasSalts(wal, frame) && same(frameSum(wal, frame, running), stored)) running = stored;
    else return wasSynced(wal, frame, running) ? { offset: frameOffset(wal, frame) } : undefined;
  }
  return undefined;
}

/**
 * Each commit is synced before the next one is written. So what stands at `bad` was synced when a commit at or after it is
 * followed by a good frame: good from the checksum that its predecessor carries, or should carry.
 */
function wasSynced(wal: Wal, bad: number, before: Checksum): boolean {
  let committed = false;
  let running = before;
  for (let frame = bad; frame < wal.frames; frame++) {
    const stored = storedSum(wal, frame);
    if (committed && hasSalts(wal, frame)) {
      if (same(frameSum(wal, frame, running), stored)) return true;
      if (same(frameSum(wal, frame, storedSum(wal, frame - 1)), stored)) return true;
    }
    running = frameSum(wal, frame, running);
    // One damaged byte leaves one salt whole; a frame of a former life of the file has neither.
    if (saltsOf(wal, frame) > 0) committed ||= wal.bytes.getUint32(frameOffset(wal, frame) + 4) !== 0;
  }
  return false;
}

/** Whether two frames follow one another correctly, for any page size that SQLite knows. */
function hasFramesOfAnySize(bytes: DataView): boolean {
  for (let pageBytes = 512; pageBytes <= 65_536; pageBytes *= 2) {
    const frameBytes = FRAME_HEADER_BYTES + pageBytes;
    const frames = Math.floor((bytes.byteLength - HEADER_BYTES) / frameBytes);
    for (const littleEndian of [true, false]) {
      const wal: Wal = { bytes, littleEndian, frameBytes, frames };
      // A WAL that began again has frames of its past behind the new ones, so one good pair says enough.
      for (let frame = 1; frame < Math.min(frames, 64); frame++) {
        const stored = storedSum(wal, frame);
        // Zeros would follow zeros correctly.
        if (!same(stored, [0, 0]) && same(frameSum(wal, frame, storedSum(wal, frame - 1)), stored)) return true;
      }
    }
  }
  // One frame alone has nothing before it to be judged by.
  return bytes.byteLength > HEADER_BYTES && isNonZero(bytes, HEADER_BYTES) && isNonZero(bytes, 0);
}

function isNonZero(bytes: DataView, offset: number): boolean {
  for (let at = offset; at < Math.min(bytes.byteLength, offset + HEADER_BYTES); at++) {
    if (bytes.getUint8(at) !== 0) return true;
  }
  return false;
}

function frameOffset(wal: Wal, frame: number): number {
  return HEADER_BYTES + frame * wal.frameBytes;
}

/** Whether the frame has the salts of the WAL's header: frames of a former life of the file do not. */
function hasSalts(wal: Wal, frame: number): boolean {
  return saltsOf(wal, frame) === 2;
}

/** How many of the two salts are those of the WAL's header. */
function saltsOf(wal: Wal, frame: number): number {
  const { bytes } = wal;
  const offset = frameOffset(wal, frame) + 8;
  return (
    Number(bytes.getUint32(offset) === bytes.getUint32(16)) +
    Number(bytes.getUint32(offset + 4) === bytes.getUint32(20))
  );
}

function storedSum(wal: Wal, frame: number): Checksum {
  const offset = frameOffset(wal, frame) + 16;
  return [wal.bytes.getUint32(offset), wal.bytes.getUint32(offset + 4)];
}

function frameSum(wal: Wal, frame: number, before: Checksum): Checksum {
  const offset = frameOffset(wal, frame);
  const afterHeader = sum(wal.bytes, offset, 8, before, wal.littleEndian);
  return sum(
    wal.bytes,
    offset + FRAME_HEADER_BYTES,
    wal.frameBytes - FRAME_HEADER_BYTES,
    afterHeader,
    wal.littleEndian,
  );
}

function sum(bytes: DataView, offset: number, length: number, before: Checksum, littleEndian: boolean): Checksum {
  let [a, b] = before;
  for (let at = offset; at < offset + length; at += 8) {
    a = (a + bytes.getUint32(at, littleEndian) + b) >>> 0;
    b = (b + bytes.getUint32(at + 4, littleEndian) + a) >>> 0;
  }
  return [a, b];
}

function same(a: Checksum, b: Checksum): boolean {
  return a[0] === b[0] && a[1] === b[1];
}
