/**
 * TCP connections on Node's own handles, with no `net.Socket` around them: two sockets and their streams for each connection
 * of a route cost a third of all that it takes to open and close one. `handle-check.ts` looks first whether all is as it is
 * known here.
 */
import type { Server, Socket } from "node:net";
import type { StreamHandle } from "../proxy/stream-handle.ts";

/** What Node 26 knows of a connection (TCPWrap). Calls give 0, or the negative number of an error. */
export interface TcpHandle extends StreamHandle {
  /** What it reads goes in there, until `onread` gives another. */
  useUserBuffer(buffer: Buffer): void;
  readStart(): number;
  setNoDelay(isOn: boolean): number;
  getpeername(into: Partial<Address>): number;
  getsockname(into: Partial<Address>): number;
  shutdown(request: ShutdownRequest): number;
  close(): void;
  /** Closes with a reset. None that is being shut down takes it, nor can be closed then. */
  reset(): number;
  /** Whom `onread` is for. */
  reader?: { onRead(count: number): Buffer | undefined } | undefined;
}

export interface Address {
  readonly address: string;
  readonly port: number;
}

interface ShutdownRequest {
  oncomplete?: (status: number) => void;
}

interface ConnectRequest {
  oncomplete?: (status: number) => void;
}

interface TcpBinding {
  readonly TCP: new (
    kind: number,
  ) => TcpHandle & {
    connect(request: ConnectRequest, address: string, port: number): number;
    connect6(request: ConnectRequest, address: string, port: number): number;
  };
  readonly TCPConnectWrap: new () => ConnectRequest;
  readonly constants: { readonly SOCKET: number };
}

interface StreamBinding {
  readonly ShutdownWrap: new () => ShutdownRequest;
}

const { TCP, TCPConnectWrap, constants } = bindingOf<TcpBinding>("tcp_wrap");
const { ShutdownWrap } = bindingOf<StreamBinding>("stream_wrap");

/** Without what is asked for in a Node that has none: `handle-check.ts` says so. */
function bindingOf<T>(name: string): T {
  try {
    const { binding: find } = process as unknown as { binding?: (name: string) => T };
    return find?.call(process, name) ?? ({} as T);
  } catch {
    return {} as T;
  }
}

/** `address` is one of IPv4 or IPv6. `done` hears 0 when it is connected, else the number of the error. A number instead of a handle: it could not be begun. */
export function connectTcp(address: string, port: number, done: (status: number) => void): TcpHandle | number {
  const handle = new TCP(constants.SOCKET);
  const request = new TCPConnectWrap();
  request.oncomplete = done;
  const error = address.includes(":")
    ? handle.connect6(request, address, port)
    : handle.connect(request, address, port);
  if (error === 0) return handle;
  handle.close();
  return error;
}

/** `done` hears how it went. Nothing may be written then or later. */
export function shutDown(handle: TcpHandle, done: (status: number) => void): number {
  const request = new ShutdownWrap();
  request.oncomplete = done;
  return handle.shutdown(request);
}

interface Inside {
  _handle: TcpHandle | null;
}

/** The handle of a socket, which has none afterwards: destroy it when the handle is closed, so that its server counts right. */
export function takeHandle(socket: Socket): TcpHandle {
  const { _handle: handle } = socket as unknown as Inside;
  (socket as unknown as Inside)._handle = null;
  return handle as TcpHandle;
}

interface ListeningHandle {
  onconnection: (this: ListeningHandle, status: number, handle?: TcpHandle) => void;
}

/**
 * From now on, connections that `take` takes are its alone: the server, which must listen, neither makes sockets of them nor
 * counts them. It gets the others.
 */
export function interceptAccepts(server: Server, take: (handle: TcpHandle) => boolean): void {
  const { _handle: listening } = server as unknown as { _handle: ListeningHandle };
  const { onconnection } = listening;
  listening.onconnection = function (status, handle) {
    if (status === 0 && handle !== undefined && take(handle)) return;
    onconnection.call(this, status, handle);
  };
}
