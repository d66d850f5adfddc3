/** Routes below HTTP between real sockets on loopback: a data path, a backend that is scripted, raw clients. */
import { once } from "node:events";
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from "node:net";
import { LIMITS } from "../domain/limits.ts";
import { emptyCounters, type L4Counters, type L4Entry } from "../gateway/l4/entry.ts";
import { type L4Limits, type L4Options, L4Path } from "../gateway/l4/path.ts";
import { interceptAccepts } from "../gateway/l4/tcp-handle.ts";
import { realClock } from "../platform/clock.ts";

const DEADLINE_MS = 20_000;

export class L4World implements AsyncDisposable {
  readonly path: L4Path;
  /** Where clients connect. */
  port = 0;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  private constructor(limits: Partial<L4Limits>, options: Partial<L4Options>) {
    this.path = new L4Path({
      monotonicMs: () => realClock.monotonicMs(),
      limits: { ...LIMITS.l4, sweepEveryMs: 10, ...limits },
      nameLimits: LIMITS.proxy,
      isOwnAddress: () => false,
      onSweep: () => undefined,
      onHttp: (socket) => this.#answer(socket, "own http "),
      onTls: (socket) => this.#answer(socket, "own tls "),
      servedAs: () => undefined,
      httpsPort: 0,
      ...options,
    });
  }

  static async start(limits: Partial<L4Limits> = {}, options: Partial<L4Options> = {}): Promise<L4World> {
    const world = new L4World(limits, options);
    world.port = await world.listen((socket) => world.path.accept(socket, world.port));
    interceptAccepts(world.#servers[0] as Server, (handle) => world.path.acceptHandle(handle, world.port));
    return world;
  }

  /** In the place of the gateway's own HTTP and TLS: says which, and what it heard. */
  #answer(socket: Socket, who: string): void {
    socket.on("data", (bytes: Buffer) => socket.write(Buffer.concat([Buffer.from(who), bytes])));
    socket.on("end", () => socket.end());
    socket.resume();
  }

  /** A server for raw sockets on a free port, which is returned; all is closed at the end. */
  async listen(onSocket: (socket: Socket) => void): Promise<number> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#keep(socket);
      onSocket(socket);
    });
    this.#servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }

  /** A route of the world's port to a port of this machine. */
  route(port: number, more: Partial<L4Entry> = {}): L4Entry {
    const backends = [{ host: "127.0.0.1", port }];
    const entry: L4Entry = { id: "r", protocol: "tcp", host: "", port: this.port, backends, reach: "any", ...more };
    this.path.apply([entry], []);
    return entry;
  }

  /** A connected client. What it gets is in `text` until `ended`; `broken` says how else it closed. */
  async client(port = this.port): Promise<Client> {
    const socket = createConnection({ host: "127.0.0.1", port, allowHalfOpen: true });
    this.#keep(socket);
    const client = new Client(socket);
    await new Promise<void>((resolve) => {
      socket.once("connect", () => resolve());
      socket.once("close", () => resolve());
    });
    return client;
  }

  counters(id = "r"): L4Counters {
    return this.path.counters().get(id) ?? emptyCounters();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
    await this.path.drain(AbortSignal.abort());
  }
}

export class Client {
  readonly socket: Socket;
  readonly bytes: Buffer[] = [];
  ended = false;
  /** The code of the error that ended it; empty when there was none. */
  broken = "";
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (part: Buffer) => this.bytes.push(part));
    socket.on("end", () => {
      this.ended = true;
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.broken = error.code ?? error.message;
    });
    socket.on("close", () => {
      this.closed = true;
    });
  }

  get text(): string {
    return Buffer.concat(this.bytes).toString("latin1");
  }
}

/** @throws when it does not come to hold. */
export async function eventually(what: string, holds: () => boolean): Promise<void> {
  const endMs = realClock.monotonicMs() + DEADLINE_MS;
  while (!holds()) {
    if (realClock.monotonicMs() > endMs) throw new Error(`did not happen: ${what}`);
    await realClock.sleep(5);
  }
}
