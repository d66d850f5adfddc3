/** An upstream for real clients of the gateway: over HTTP/1.1 and over h2c, with whatever a path asks for. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo, Server, Socket } from "node:net";
import type { TableEntry } from "@skerry/core/gateway/table.ts";

/** What `/bytes` is made of; does not repeat with the period of any buffer. */
export const CONTENT = Buffer.from(Array.from({ length: 1_000_003 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));

/** Hosts whose routes lead to the two servers. */
export const HOSTS = { "HTTP/1.1": "one.example", "HTTP/2": "two.example" } as const;

export class GatewayUpstream implements AsyncDisposable {
  /** Requests that came, by path. */
  readonly counts = new Map<string, number>();
  /** Answers of `/held` that wait for `release`. */
  readonly held: (() => void)[] = [];
  readonly entries: TableEntry[] = [];
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  static async start(): Promise<GatewayUpstream> {
    const upstream = new GatewayUpstream();
    const listener = (request: Request, response: Response): void => upstream.#answer(request, response);
    const one = createServer(listener);
    // What it holds of answers: it would refuse streams that a client reads slowly.
    const two = createHttp2Server(
      { maxSessionMemory: 1000 },
      listener as unknown as Parameters<typeof createHttp2Server>[1],
    );
    await upstream.#add(one, HOSTS["HTTP/1.1"], "http/1.1");
    await upstream.#add(two, HOSTS["HTTP/2"], "h2");
    return upstream;
  }

  async #add(server: Server, host: string, protocol: "http/1.1" | "h2"): Promise<void> {
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    server.on("checkContinue", (request: Request, response: Response) => {
      if (request.url === "/refused") response.writeHead(413).end("too much");
      else {
        response.writeContinue();
        this.#answer(request, response);
      }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    this.#servers.push(server);
    const { port } = server.address() as AddressInfo;
    const backend = { kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "", protocol } as const;
    this.entries.push({ id: host, host, path: "/", upstream: { backends: [backend], reach: "any" } });
  }

  portOf(host: string): number {
    const [backend] = this.entries.find((entry) => entry.host === host)?.upstream.backends ?? [];
    return backend?.kind === "tcp" ? backend.port : 0;
  }

  /** Lets go of what was held. */
  release(): void {
    for (const answer of this.held.splice(0)) answer();
  }

  #answer(request: Request, response: Response): void {
    const path = request.url ?? "";
    this.counts.set(path, (this.counts.get(path) ?? 0) + 1);
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    if (path === "/bytes") sendBytes(request, response);
    else if (path === "/upload") void tellUpload(request, response);
    else if (path === "/trailers") sendTrailers(response);
    else if (path === "/hints") sendHints(response);
    else if (path === "/held") this.held.push(() => response.end("held"));
    else response.end(`hello from ${request.httpVersion}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** What Node's two servers have in common. */
type Request = Pick<IncomingMessage, "url" | "httpVersion" | "headers" | "trailers"> & NodeJS.ReadableStream;
type Response = ServerResponse;

function sendBytes({ headers }: Request, response: Response): void {
  response.setHeader("accept-ranges", "bytes");
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "") ?? [];
  if (from === undefined) {
    response.setHeader("content-length", CONTENT.length);
    response.end(CONTENT);
    return;
  }
  const last = to === "" || to === undefined ? CONTENT.length - 1 : Number(to);
  response.setHeader("content-range", `bytes ${from}-${last}/${CONTENT.length}`);
  response.writeHead(206).end(CONTENT.subarray(Number(from), last + 1));
}

/** As JSON: bytes, their hash, and what came with them. */
async function tellUpload(request: Request, response: Response): Promise<void> {
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    for await (const part of request) {
      hash.update(part);
      bytes += (part as Buffer).length;
    }
  } catch {
    return;
  }
  const { headers, trailers } = request;
  const framing = headers["content-length"] ?? headers["transfer-encoding"] ?? "none";
  response.end(JSON.stringify({ bytes, sha256: hash.digest("hex"), framing, trailers }));
}

function sendTrailers(response: Response): void {
  response.setHeader("trailer", "x-sum");
  response.write("first ");
  setImmediate(() => {
    response.addTrailers({ "x-sum": "42" });
    response.end("second");
  });
}

function sendHints(response: Response): void {
  response.writeEarlyHints({ link: "</style.css>; rel=preload" });
  setImmediate(() => response.end("hinted"));
}
