/** Backends and clients of both versions of HTTP around a proxy: Node's own, with one interface for both. */
import { once } from "node:events";
import { createServer as createPlain, request as requestPlain } from "node:http";
import { type ClientHttp2Stream, connect, createServer } from "node:http2";
import type { Socket } from "node:net";
import type { Backend } from "../gateway/table.ts";
import type { ProxyWorld } from "./proxy-world.ts";

export const VERSIONS = ["http/1.1", "h2"] as const;
export type Version = (typeof VERSIONS)[number];

/** What a backend was asked. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly socket: Socket;
  /** Without it the answer never ends. */
  readonly answer: (status: number, body?: string) => void;
  /** The head alone. */
  readonly begin: (status: number) => void;
  /** Resolves with all of it. */
  readonly body: Promise<string>;
  /** Resolves when nobody waits for its answer any more, before that was whole. */
  readonly cancelled: Promise<void>;
}

export interface TestBackend {
  readonly backend: Backend;
  readonly port: number;
  readonly seen: Seen[];
}

/** A program that speaks the version. `onAsked` is told when the head of a request has come. */
export async function startBackend(
  world: ProxyWorld,
  version: Version,
  onAsked: (seen: Seen) => void,
  atPort = 0,
): Promise<TestBackend> {
  const seen: Seen[] = [];
  const server = version === "h2" ? createServer() : createPlain();
  server.on("error", () => undefined);
  server.on("request", (request, response) => {
    response.on("error", () => undefined);
    request.on("error", () => undefined);
    let body = "";
    request.on("data", (bytes: Buffer) => {
      body += bytes.toString("latin1");
    });
    const one: Seen = {
      ...{ method: request.method ?? "", path: request.url ?? "", socket: request.socket as Socket },
      answer: (status, text = "") => {
        response.statusCode = status;
        response.end(text);
      },
      begin: (status) => {
        response.statusCode = status;
        response.flushHeaders();
      },
      body: new Promise((resolve) => request.once("end", () => resolve(body))),
      cancelled: new Promise((resolve) => {
        request.once("aborted", () => resolve());
        response.once("close", () => version === "h2" || response.writableFinished || resolve());
      }),
    };
    seen.push(one);
    onAsked(one);
  });
  const port = await world.listen((socket) => server.emit("connection", socket), atPort);
  const protocol = version === "h2" ? { protocol: "h2" as const } : {};
  return { backend: { kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "", ...protocol }, port, seen };
}

export interface Got {
  /** 0: the connection or stream broke before. */
  readonly status: number;
  readonly body: string;
  /** Of a problem document. */
  readonly reason: string | undefined;
  /** It broke off, before or after the head. */
  readonly isBroken: boolean;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

interface Asking {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  /** In pieces, each in a turn of its own. */
  readonly body?: string | readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request on a connection of its own. */
export function ask(world: ProxyWorld, version: Version, asking: Asking = {}): Promise<Got> {
  return version === "h2" ? askH2(world, asking) : askH1(world, asking);
}

async function askH1(world: ProxyWorld, { method, path, host, body, headers }: Asking): Promise<Got> {
  const request = requestPlain({
    ...{ port: world.port, host: "127.0.0.1", agent: false, method: method ?? "GET", path: path ?? "/" },
    headers: { host: host ?? "app.example", ...headers },
  });
  const whole = Promise.withResolvers<Got>();
  const got = { status: 0, body: "", headers: {} as Got["headers"] };
  const end = (isBroken: boolean) => whole.resolve({ ...got, reason: reasonOf(got.body), isBroken });
  request.on("error", () => end(true));
  request.on("response", (response) => {
    got.status = response.statusCode ?? 0;
    got.headers = response.headers;
    response.on("data", (bytes: Buffer) => {
      got.body += bytes.toString("latin1");
    });
    response.on("error", () => undefined);
    response.on("close", () => end(!response.complete));
  });
  await send(request, body);
  return whole.promise;
}

async function askH2(world: ProxyWorld, { method, path, host, body, headers }: Asking): Promise<Got> {
  const session = connect(`http://127.0.0.1:${world.port}`);
  session.on("error", () => undefined);
  const stream: ClientHttp2Stream = session.request(
    { ":method": method ?? "GET", ":path": path ?? "/", ":authority": host ?? "app.example", ...headers },
    { endStream: body === undefined },
  );
  const got = { status: 0, body: "", headers: {} as Got["headers"] };
  stream.on("error", () => undefined);
  stream.on("response", (fields) => {
    got.status = Number(fields[":status"]);
    got.headers = fields as Got["headers"];
  });
  stream.on("data", (bytes: Buffer) => {
    got.body += bytes.toString("latin1");
  });
  if (body !== undefined) await send(stream, body);
  if (!stream.closed) await once(stream, "close").catch(() => undefined);
  session.destroy();
  return { ...got, reason: reasonOf(got.body), isBroken: stream.rstCode !== 0 || got.status === 0 };
}

async function send(
  to: { write(text: string): boolean; end(text?: string): unknown },
  body: Asking["body"],
): Promise<void> {
  if (body === undefined || typeof body === "string") {
    to.end(body);
    return;
  }
  for (const part of body) {
    to.write(part);
    await new Promise(setImmediate);
  }
  to.end();
}

function reasonOf(body: string): string | undefined {
  if (!body.startsWith("{")) return undefined;
  const { code, reason } = JSON.parse(body) as { code: string; reason?: string };
  return reason === undefined ? code : `${code}/${reason}`;
}
