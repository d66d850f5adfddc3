/**
 * Node's own handle of a plain socket, written to and read from directly: what `net.Socket` does around each read and write
 * costs a sixth of all CPU in user space of small requests. `socket-check.ts` looks first whether all is as it is known here.
 */
import type { Socket } from "node:net";

/** What a pending write is known by. Node calls `oncomplete` when it is over. */
interface WriteRequest {
  oncomplete?: (status: number) => void;
  /** Kept from being freed while the kernel reads it. */
  kept?: unknown;
}

/** What Node 26 keeps in a socket (StreamBase). Writes give 0, or the negative number of an error. */
export interface StreamHandle {
  reading: boolean;
  onread: (this: StreamHandle, bytes: unknown) => unknown;
  readStop(): number;
  writeLatin1String(request: WriteRequest, text: string): number;
  writeBuffer(request: WriteRequest, bytes: Buffer): number;
  /** `chunks` are pairs of data and encoding. */
  writev(request: WriteRequest, chunks: readonly (string | Buffer)[], areAllBuffers: false): number;
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

/** Undefined for a socket that does not stand on a plain handle (TLS), or is not connected. */
export function handleOf(socket: Socket): StreamHandle | undefined {
  const { _handle: handle } = socket as Socket & { _handle: Partial<StreamHandle> | null };
  if (binding === undefined || "encrypted" in socket || typeof handle?.writeLatin1String !== "function")
    return undefined;
  return typeof handle.onread === "function" && "writev" in handle ? (handle as StreamHandle) : undefined;
}

/** Bytes of the read that `onread` is told of; 0 or less: the end, or an error. */
export function bytesRead(): number {
  const { streamBaseState, kReadBytesOrError } = binding as StreamBinding;
  return streamBaseState[kReadBytesOrError] as number;
}

/**
 * Writes; a string is latin1. Gives 0 when all has gone to the kernel, 1 when `oncomplete` will tell, or a negative number:
 * an error.
 */
export function writeTo(
  handle: StreamHandle,
  data: string | Buffer | readonly (string | Buffer)[],
  oncomplete: (status: number) => void,
): number {
  const { WriteWrap, streamBaseState, kLastWriteWasAsync } = binding as StreamBinding;
  const request = spare ?? new WriteWrap();
  spare = undefined;
  let error: number;
  if (typeof data === "string") error = handle.writeLatin1String(request, data);
  else if (data instanceof Uint8Array) error = handle.writeBuffer(request, data);
  else error = handle.writev(request, data, false);
  if (error !== 0) return error;
  if (streamBaseState[kLastWriteWasAsync] === 0) {
    spare = request;
    return 0;
  }
  request.oncomplete = oncomplete;
  request.kept = data;
  return 1;
}
