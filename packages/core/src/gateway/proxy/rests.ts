/**
 * Copies of what the kernel did not take at once. A slow reader makes one with each read of his peer: their buffers are used
 * again, or garbage would grow faster than it is collected.
 */
import { LIMITS } from "../../domain/limits.ts";

/** Smaller ones are not worth it. */
const MIN_BYTES = 4096;
const { maxSpareBuffers, readBufferBytes } = LIMITS.proxy;
const spare: Buffer[] = [];

/** What stands behind the first `taken` bytes of the parts; undefined: nothing does. To be given to `freeRest`. */
export function keepRest(parts: readonly (string | Buffer)[], taken: number): Buffer | undefined {
  const size = parts.reduce((sum, { length }) => sum + length, -taken);
  if (size === 0) return undefined;
  const rest = bufferOf(size);
  let skip = taken;
  let at = 0;
  for (const part of parts) {
    const from = Math.min(skip, part.length);
    skip -= from;
    if (typeof part === "string") at += rest.write(part.slice(from), at, "latin1");
    else at += part.copy(rest, at, from);
  }
  return rest;
}

function bufferOf(size: number): Buffer {
  if (size < MIN_BYTES || size > readBufferBytes) return Buffer.allocUnsafe(size);
  return (spare.pop() ?? Buffer.allocUnsafeSlow(readBufferBytes)).subarray(0, size);
}

/** Nothing reads it any more. */
export function freeRest(rest: Buffer): void {
  const { buffer } = rest;
  if (rest.length >= MIN_BYTES && buffer.byteLength === readBufferBytes && spare.length < maxSpareBuffers)
    spare.push(Buffer.from(buffer));
}
