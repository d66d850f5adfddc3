/** The gateway's data path between real sockets on loopback: a proxy, upstreams that are scripted, raw clients. */
import { once } from "node:events";
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from "node:net";
import { GATEWAY_ERRORS } from "../domain/gateway-errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { RouteActions } from "../domain/route-actions.ts";
import type { Http2Limits, ProxyLimits, ProxyOptions } from "../gateway/proxy/context.ts";
import { createProxy, type DataPath } from "../gateway/proxy/proxy.ts";
import type { RequestRecord } from "../gateway/proxy/records.ts";
import { compileTable } from "../gateway/routing/route-table.ts";
import type { Backend, TableEntry, Upstream } from "../gateway/table.ts";
import { realClock } from "../platform/clock.ts";
import { realRandom } from "../platform/random.ts";

/** Sweeps often: tests wait for short limits. */
const TEST_LIMITS: Partial<ProxyLimits> = { sweepEveryMs: 10 };

export class ProxyWorld implements AsyncDisposable {
  static readonly http2: Http2Limits = LIMITS.http2;
  readonly proxy: DataPath;
  readonly records: RequestRecord[] = [];
  port = 0;
  /** Of the last upstream that was made. */
  upstreamPort = 0;
  /** Of all routes that are made from now on. */
  actions: RouteActions | undefined;
  readonly #servers = new Map<number, Server>();
  readonly #sockets = new Set<Socket>();
  #routes: readonly string[] = [];

  private constructor(limits: Partial<ProxyLimits>, options: Partial<ProxyOptions>) {
    this.proxy = createProxy({
      monotonicMs: () => realClock.monotonicMs(),
      wallMs: () => realClock.wallMs(),
      random: realRandom,
      limits: { ...LIMITS.proxy, ...TEST_LIMITS, ...limits },
      isOwnAddress: () => false,
      onRequest: (record) => this.records.push(record),
      ...options,
    });
  }

  static async start(limits: Partial<ProxyLimits> = {}, options: Partial<ProxyOptions> = {}): Promise<ProxyWorld> {
    const world = new ProxyWorld(limits, options);
    world.port = await world.listen((socket) => world.proxy.accept(socket, false));
    return world;
  }

  /** A server for raw sockets on any port, or this one; what it takes is closed at the end. Returns its port. */
  async listen(onSocket: (socket: Socket) => void, atPort = 0): Promise<number> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#keep(socket);
      onSocket(socket);
    });
    server.listen(atPort, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    this.#servers.set(port, server);
    return port;
  }

  /** From now on connections to this port are refused. `onClosed` is called when the last one has ended. */
  stopListening(port: number, onClosed?: () => void): void {
    this.#servers.get(port)?.close(onClosed);
  }

  /** An upstream that reads one request at a time and answers with what `answer` gives. */
  async upstream(answer: (request: SeenRequest, socket: Socket) => string | undefined): Promise<SeenRequest[]> {
    const seen: SeenRequest[] = [];
    const port = await this.listen((socket) => {
      let text = "";
      socket.on("data", (bytes: Buffer) => {
        text += bytes.toString("latin1");
        for (let request = firstRequest(text); request !== undefined; request = firstRequest(text)) {
          text = text.slice(request.length);
          seen.push(request);
          const response = answer(request, socket);
          if (response !== undefined) socket.write(response, "latin1");
        }
      });
      socket.on("end", () => socket.end());
    });
    this.upstreamPort = port;
    this.route(port);
    return seen;
  }

  /** Everything for every host goes to these ports. */
  route(...ports: readonly number[]): void {
    this.routeTo(ports.map((port) => ({ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" })));
  }

  routeTo(backends: readonly Backend[], rest: Partial<Upstream> = {}, said: Partial<TableEntry> = {}): void {
    const upstream: Upstream = { backends, reach: "any", ...rest };
    const hosts = ["app.example", "[::1]"];
    const actions = this.actions === undefined ? {} : { actions: this.actions };
    const entries: TableEntry[] = hosts.map((host) => {
      return { id: `route ${host}`, host, path: "/", upstream, ...actions, ...said };
    });
    this.setEntries(entries);
  }

  /** These routes, and no others. */
  setEntries(entries: readonly TableEntry[]): void {
    const ids = entries.map(({ id }) => id);
    const remove = this.#routes.filter((id) => !ids.includes(id));
    this.#routes = ids;
    this.proxy.setTable(compileTable(entries), { put: entries, remove });
  }

  /** A raw connection to the proxy. */
  async connect(): Promise<RawClient> {
    const socket = createConnection({ host: "127.0.0.1", port: this.port, allowHalfOpen: true, noDelay: true });
    this.#keep(socket);
    const client = new RawClient(socket);
    await once(socket, "connect");
    return client;
  }

  /** What comes back for these bytes until the connection ends; it is asked to close after the first answer. */
  async exchange(bytes: string): Promise<string> {
    const client = await this.connect();
    client.write(bytes);
    return client.untilClosed();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  /** @throws when a request ended for a reason that the table does not have. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy.drain(AbortSignal.abort());
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers.values()) server.close();
    const unknown = this.records.find(({ error }) => error !== undefined && !Object.hasOwn(GATEWAY_ERRORS, error));
    if (unknown !== undefined) throw new Error(`no reason of GATEWAY_ERRORS: ${unknown.error}`);
  }
}

/** Waits until `holds`, far longer than it should take. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const endMs = realClock.monotonicMs() + 20_000;
  while (!holds()) {
    if (realClock.monotonicMs() > endMs) throw new Error(`did not happen: ${what}`);
    await realClock.sleep(2);
  }
}

/** Waits until the value has been the same for a while. */
export async function untilStill(value: () => number): Promise<void> {
  let last = -1;
  let since = realClock.monotonicMs();
  await until(() => {
    if (value() !== last) since = realClock.monotonicMs();
    last = value();
    return realClock.monotonicMs() - since > 200;
  }, "it stands still");
}

export interface SeenRequest {
  readonly line: string;
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, string>;
  readonly head: string;
  /** Without framing. */
  readonly body: string;
  readonly trailers: string;
  /** Bytes of all of it. */
  readonly length: number;
}

/** The first whole request of `text`, as a plain reader sees it; undefined when it is not whole. */
function firstRequest(text: string): SeenRequest | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const head = text.slice(0, end + 4);
  const [line = "", ...lines] = text.slice(0, end).split("\r\n");
  const headers = new Map(
    lines.map((one) => [one.slice(0, one.indexOf(":")).toLowerCase(), one.slice(one.indexOf(":") + 1).trim()]),
  );
  if (headers.get("transfer-encoding") !== "chunked") {
    const length = Number(headers.get("content-length") ?? 0);
    if (text.length < head.length + length) return undefined;
    const body = text.slice(head.length, head.length + length);
    return { line, headers, head, body, trailers: "", length: head.length + length };
  }
  let body = "";
  for (let at = head.length; ; ) {
    const size = Number.parseInt(text.slice(at, text.indexOf("\r\n", at)), 16);
    const from = text.indexOf("\r\n", at) + 2;
    if (Number.isNaN(size) || from < 2 || text.length < from + size + 2) return undefined;
    if (size === 0) {
      const end = text.indexOf("\r\n\r\n", from - 2);
      if (end < 0) return undefined;
      return { line, headers, head, body, trailers: text.slice(from, Math.max(from, end + 2)), length: end + 4 };
    }
    body += text.slice(from, from + size);
    at = from + size + 2;
  }
}

/** A client that sees bytes. */
export class RawClient {
  readonly socket: Socket;
  text = "";
  hasEnded = false;
  isClosed = false;
  /** Set when the connection broke (ECONNRESET). */
  error: string | undefined;
  readonly #closed: Promise<void>;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.text += bytes.toString("latin1");
    });
    socket.once("end", () => {
      this.hasEnded = true;
    });
    socket.once("error", (error: Error & { code?: string }) => {
      this.error = error.code ?? error.message;
    });
    this.#closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.isClosed = true;
        resolve();
      });
    });
  }

  write(text: string): void {
    this.socket.write(text, "latin1");
  }

  /** Resolves with all text when the proxy has ended the connection. */
  async untilClosed(): Promise<string> {
    if (!this.hasEnded && !this.isClosed) {
      await Promise.race([this.#closed, once(this.socket, "end").catch(() => undefined)]);
    }
    this.socket.end();
    await this.#closed;
    return this.text;
  }
}
