/** The content of a file on the simulated disk: what is there now, what is durable, and the writes in between. */
import type { SimRandom } from "./sim-random.ts";

const SECTOR_BYTES = 512;

interface Write {
  readonly position: number;
  readonly data: Uint8Array;
}

export class Inode {
  content: Buffer = Buffer.alloc(0);
  durable: Buffer = Buffer.alloc(0);
  /** Since the last sync, oldest first. Truncations are not among them: `tear` may bring what they cut back. */
  unsynced: Write[] = [];
  modifiedMs = 0;
}

/** Not from Node's pool, whose spare room belongs to others. */
export function ownCopy(content: Buffer): Buffer {
  const copy = Buffer.alloc(content.byteLength);
  content.copy(copy);
  return copy;
}

export function apply(content: Buffer, { position, data }: Write): Buffer {
  const end = position + data.byteLength;
  const next = end > content.byteLength ? grow(content, end) : content;
  next.set(data, position);
  return next;
}

/** The same bytes with zeros after them. Takes spare room, so that appending is not quadratic. */
function grow(content: Buffer, sizeBytes: number): Buffer {
  const roomBytes = content.buffer.byteLength - content.byteOffset;
  if (roomBytes >= sizeBytes && content.byteLength > 0) {
    const { byteLength } = content;
    return Buffer.from(content.buffer, content.byteOffset, sizeBytes).fill(0, byteLength);
  }
  const grown = Buffer.alloc(Math.max(sizeBytes, 2 * content.byteLength)).subarray(0, sizeBytes);
  content.copy(grown);
  return grown;
}

/** What is left of an inode when a random part of its unsynced sectors reached the disk. */
export function tear(inode: Inode, random: SimRandom): Buffer {
  let content: Buffer = ownCopy(inode.durable);
  for (const { position, data } of inode.unsynced) {
    const fate = random.below(3);
    if (fate === 0) continue;
    for (let at = 0; at < data.byteLength; at += SECTOR_BYTES) {
      if (fate === 1 && random.chance(0.5)) continue;
      content = apply(content, { position: position + at, data: data.subarray(at, at + SECTOR_BYTES) });
    }
  }
  return content;
}
