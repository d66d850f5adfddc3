/**
 * Node's own handle of a socket, written to and read from directly: what `net.Socket` does around each read and write costs a
 * sixth of all CPU in user space of small requests. `socket-check.ts` looks first whether all is as it is known here.
 */
import { writeSync, writevSync } from "node:fs";
import type { Socket } from "node:net";
import { LIMITS } from "../../domain/limits.ts";

/** What a pending write is known by. Node calls `oncomplete` when it is over. */
interface WriteRequest {
  oncomplete?: (status: number) => void;
  /** Kept from being freed while the kernel reads it. */
  kept?: unknown;
}

/** What Node 26 keeps in a socket (StreamBase). Writes give 0, or the negative number of an error. */
export interface StreamHandle {
  /** Of the socket below, also of TLS: what goes there is not encrypted. Below 0 when it is closed. */
  readonly fd: number;
  reading: boolean;
  onread: (this: StreamHandle, bytes: unknown) => unknown;
  readStop(): number;
  /** From now on reads go into this buffer, or into the one that `onread` returned last. */
  useUserBuffer(buffer: Buffer): void;
  writeLatin1String(request: WriteRequest, text: string): number;
  writeBuffer(request: WriteRequest, bytes: Buffer): number;
}

interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

/** Undefined in a Node that has none: then sockets are used as they are. */
const binding = findBinding();
/** Serves all writes that are over at once, which are nearly all. */
let spare: WriteRequest | undefined;
/** Parts of a message are put together here before they are encrypted. */
const SCRATCH = Buffer.allocUnsafeSlow(LIMITS.proxy.readBufferBytes);

function findBinding(): StreamBinding | undefined {
  try {
    const { binding: find } = process as unknown as { binding?: (name: string) => Partial<StreamBinding> };
    const found = find?.call(process, "stream_wrap");
    const isKnown = found?.WriteWrap !== undefined && found.streamBaseState !== undefined;
    return isKnown && found.kLastWriteWasAsync !== undefined ? (found as StreamBinding) : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined for a socket that is not connected, or stands on something else than a handle of Node. */
export function handleOf(socket: Socket): StreamHandle | undefined {
  const { _handle: handle } = socket as Socket & { _handle: Partial<StreamHandle> | null };
  if (binding === undefined || typeof handle?.writeLatin1String !== "function") return undefined;
  const { onread, fd, useUserBuffer } = handle;
  const isKnown = typeof onread === "function" && typeof fd === "number" && typeof useUserBuffer === "function";
  return isKnown ? (handle as StreamHandle) : undefined;
}

/** Bytes of the read that `onread` is told of; 0 or less: the end, or an error. */
export function bytesRead(): number {
  const { streamBaseState, kReadBytesOrError } = binding as StreamBinding;
  return streamBaseState[kReadBytesOrError] as number;
}

/**
 * Writes as much as the kernel takes now, and keeps nothing: what is left is the caller's. Gives how many bytes went, or a
 * negative number: an error. Only while no other write is pending, and never for TLS: it goes past the encryption.
 */
export function writeNow({ fd }: StreamHandle, parts: readonly (string | Buffer)[]): number {
  try {
    if (parts.length === 1) return writeSync(fd, bytesOf(parts[0] as string | Buffer));
    return writevSync(fd, parts.map(bytesOf));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EAGAIN" ? 0 : -1;
  }
}

function bytesOf(part: string | Buffer): Buffer {
  return typeof part === "string" ? Buffer.from(part, "latin1") : part;
}

/**
 * Writes; a string is latin1. Gives 0 when all has gone to the kernel, 1 when `oncomplete` will tell, or a negative number:
 * an error.
 */
export function writeTo(handle: StreamHandle, data: string | Buffer, oncomplete: (status: number) => void): number {
  const { WriteWrap, streamBaseState, kLastWriteWasAsync } = binding as StreamBinding;
  const request = spare ?? new WriteWrap();
  spare = undefined;
  let error: number;
  if (typeof data === "string") error = handle.writeLatin1String(request, data);
  else error = handle.writeBuffer(request, data);
  if (error !== 0) return error;
  if (streamBaseState[kLastWriteWasAsync] === 0) {
    spare = request;
    return 0;
  }
  request.oncomplete = oncomplete;
  request.kept = data;
  return 1;
}

/** Like `writeTo`, for TLS, which has encrypted or copied all of it when this returns: the bytes need not stay. */
export function writeEncrypted(
  handle: StreamHandle,
  parts: readonly (string | Buffer)[],
  oncomplete: (status: number) => void,
): number {
  const [first] = parts;
  const data = parts.length === 1 && first !== undefined ? first : together(parts);
  return writeTo(handle, data, oncomplete);
}

function together(parts: readonly (string | Buffer)[]): Buffer {
  let size = 0;
  for (const { length } of parts) size += length;
  const whole = size <= SCRATCH.length ? SCRATCH : Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const part of parts) at += typeof part === "string" ? whole.write(part, at, "latin1") : part.copy(whole, at);
  return whole.subarray(0, size);
}
