/**
 * A cloud of canned answers on a unix socket, with objects in memory, that can break connections and tell lies. The real
 * daemon is tested in the journeys; here the CLI is alone with what may come back.
 */
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RouteTable } from "@skerry/core/contract/dispatch/match.ts";
import { type ErrorId, SkerryError, toProblem, toSkerryError } from "@skerry/core/contract/errors.ts";
import { ROUTES } from "@skerry/core/contract/routes.ts";
import { encodeControl } from "@skerry/core/contract/terminal.ts";
import { type WebSocket, WebSocketServer } from "ws";

export interface CloudRequest {
  readonly route: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** What the JSON holds; of an upload the bytes. */
  readonly body: unknown;
}
/** The JSON of the answer, or a promise of it; undefined is 204. Throws what the client shall see. */
export type Answer = (request: CloudRequest) => unknown;

interface StoredObject {
  readonly bytes: Buffer;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
}

const MODIFIED_AT = "2026-08-01T10:00:00.123Z";

export class FakeCloud implements AsyncDisposable {
  readonly directory: string;
  readonly requests: CloudRequest[] = [];
  readonly answers = new Map<string, Answer>();
  /** `bucket:key` -> object. */
  readonly objects = new Map<string, StoredObject>();
  /** Called with each piece of a download; true cuts the connection there. */
  cutAt: (sentBytes: number, request: CloudRequest) => boolean = () => false;
  /** Throws what a dry run is refused with. */
  rehearse: (request: CloudRequest) => void = () => undefined;
  /** Milliseconds between two pieces of a download. */
  pauseMs = 0;
  /** What becomes of the next watches: those that end are sent nothing. */
  watches: ("end" | "stay")[] = [];
  /** What a watch is sent; then it stays open. */
  events: readonly { readonly event: string; readonly data: unknown }[] = [];
  /** Said to an upload before any of it has been asked for. */
  refusesUploads: SkerryError | undefined;
  /** Bytes that come instead of the stored ones. */
  damage: ((bytes: Buffer) => Buffer) | undefined;
  /** An older daemon says only when an object was modified to the second. */
  saysMilliseconds = true;
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  /** What a terminal does: by default the command has ended. */
  terminal: (connection: WebSocket) => void = (connection) => {
    connection.send(encodeControl({ type: "exit", code: 0 }), () => connection.close());
  };
  readonly #upgrader = new WebSocketServer({ noServer: true });
  readonly #table = new RouteTable(ROUTES);
  /** What a test's own function threw when it was too late to answer so. Told at the end. */
  #broken: unknown[] = [];

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async start(): Promise<FakeCloud> {
    const cloud = new FakeCloud(await mkdtemp(join(tmpdir(), "skerry-cli-")));
    cloud.#server.on("checkContinue", (incoming: IncomingMessage, outgoing: ServerResponse) => {
      if (cloud.refusesUploads !== undefined) return sendProblem(outgoing, cloud.refusesUploads);
      outgoing.writeContinue();
      void cloud.#serve(incoming, outgoing);
    });
    cloud.#server.on("upgrade", (incoming, socket, head) => {
      const [path = "", query = ""] = (incoming.url ?? "").split("?");
      const { route, params } = cloud.#table.match("GET", path);
      const request = { route: route.id, params, query: new URLSearchParams(query), headers: incoming.headers };
      cloud.requests.push({ ...request, body: undefined });
      cloud.#upgrader.handleUpgrade(incoming, socket, head, (terminal) => cloud.terminal(terminal));
    });
    await new Promise<void>((resolve) => cloud.#server.listen(cloud.socketPath, resolve));
    return cloud;
  }

  get socketPath(): string {
    return join(this.directory, "api.sock");
  }

  put(address: string, content: string | Buffer, contentType = "application/octet-stream"): void {
    this.objects.set(address, { bytes: Buffer.from(content), contentType, metadata: {} });
  }

  text(address: string): string | undefined {
    return this.objects.get(address)?.bytes.toString();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.directory, { recursive: true, force: true });
    if (this.#broken.length > 0) throw this.#broken[0];
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    try {
      const [path = "", query = ""] = (incoming.url ?? "").split("?");
      const { route, params } = this.#table.match(incoming.method ?? "GET", path);
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      const bytes = Buffer.concat(chunks);
      const isJson = incoming.headers["content-type"] === "application/json" && route.kind !== "upload";
      const json: unknown = isJson && bytes.length > 0 ? JSON.parse(bytes.toString()) : undefined;
      const body = route.kind === "upload" ? bytes : json;
      const request = { route: route.id, params, query: new URLSearchParams(query), headers: incoming.headers, body };
      this.requests.push(request);
      if (request.query.get("watch") === "1") return this.#watch(outgoing);
      if (request.query.get("dryRun") === "1") {
        this.rehearse(request);
        return sendJson(outgoing, 204, undefined);
      }
      const answer = this.answers.get(route.id);
      if (answer !== undefined) {
        const value = await answer(request);
        if (value instanceof Uint8Array) return void outgoing.writeHead(route.status).end(value);
        // What is canned must be what a real cloud may say.
        route.schemas.output?.parse(value);
        return sendJson(outgoing, route.status, value);
      }
      if (route.id === "object.put") return sendJson(outgoing, 201, this.#store(request, bytes));
      if (route.id === "object.get" || route.id === "object.head") return await this.#send(request, incoming, outgoing);
      if (route.id === "object.list") return sendJson(outgoing, 200, this.#list(request));
      if (route.id === "object.delete") {
        this.objects.delete(`${params["bucket"]}:${params["key"]}`);
        return sendJson(outgoing, 204, undefined);
      }
      throw new SkerryError("not_found", `The fake cloud has no answer for ${route.id}.`);
    } catch (error) {
      if (!outgoing.headersSent) return sendProblem(outgoing, toSkerryError(error));
      this.#broken.push(error);
      cut(incoming);
    }
  }

  #watch(outgoing: ServerResponse): void {
    outgoing.writeHead(200, { "content-type": "text/event-stream" });
    if (this.watches.shift() === "end") return void outgoing.end();
    for (const [i, { event, data }] of this.events.entries()) {
      outgoing.write(`event: ${event}\nid: ${50 + i}.0\ndata: ${JSON.stringify(data)}\n\n`);
    }
  }

  #store({ params, headers }: CloudRequest, bytes: Buffer): unknown {
    const metadata = Object.entries(headers).flatMap(([name, value]) =>
      name.startsWith("x-skerry-meta-") ? [[name.slice("x-skerry-meta-".length), String(value)]] : [],
    );
    const contentType = String(headers["content-type"]);
    this.objects.set(`${params["bucket"]}:${params["key"]}`, {
      bytes,
      contentType,
      metadata: Object.fromEntries(metadata),
    });
    return this.#view(params["bucket"] ?? "", params["key"] ?? "");
  }

  #view(bucket: string, key: string): Record<string, unknown> {
    const object = this.objects.get(`${bucket}:${key}`);
    if (object === undefined) throw new SkerryError("not_found", `There is no object ${JSON.stringify(key)}.`);
    const { bytes, contentType, metadata } = object;
    const modifiedAt = MODIFIED_AT;
    return { bucket, key, version: "v1", sizeBytes: bytes.length, etag: md5(bytes), contentType, modifiedAt, metadata };
  }

  #list({ params, query }: CloudRequest): unknown {
    const prefix = query.get("prefix") ?? "";
    const delimiter = query.get("delimiter");
    const bucket = params["bucket"] ?? "";
    const keys = [...this.objects.keys()]
      .filter((address) => address.startsWith(`${bucket}:${prefix}`))
      .map((address) => address.slice(bucket.length + 1))
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const common = (key: string) => {
      const end = delimiter === null ? -1 : key.indexOf(delimiter, prefix.length);
      return end < 0 ? undefined : key.slice(0, end + 1);
    };
    const prefixes = [...new Set(keys.map(common).filter((found) => found !== undefined))];
    const items = keys.filter((key) => common(key) === undefined).map((key) => this.#view(bucket, key));
    return { items, prefixes, revision: 1 };
  }

  async #send(request: CloudRequest, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { params, headers } = request;
    const { bytes: stored, contentType } =
      this.objects.get(`${params["bucket"]}:${params["key"]}`) ?? notThere(params["key"]);
    const condition = headers["if-match"];
    if (condition !== undefined && condition !== `"${md5(stored)}"`)
      throw new SkerryError("conflict/precondition", "It has changed.");
    const offset = Number(/^bytes=(\d+)-$/.exec(String(headers["range"] ?? ""))?.[1] ?? 0);
    const bytes = this.damage?.(stored) ?? stored;
    outgoing.writeHead(offset > 0 ? 206 : 200, {
      etag: `"${md5(stored)}"`,
      "content-type": contentType,
      "content-length": bytes.length - offset,
      "last-modified": new Date(MODIFIED_AT).toUTCString(),
      ...(this.saysMilliseconds ? { "x-skerry-modified-at": MODIFIED_AT } : {}),
      "x-skerry-version": "v1",
      ...(offset > 0 ? { "content-range": `bytes ${offset}-${bytes.length - 1}/${bytes.length}` } : {}),
    });
    if (request.route === "object.head") return void outgoing.end();
    const pieceBytes = 16 * 1024;
    for (let position = offset; position < bytes.length && !outgoing.destroyed; position += pieceBytes) {
      if (this.cutAt(position, request)) return cut(incoming);
      outgoing.write(bytes.subarray(position, position + pieceBytes));
      await new Promise((resolve) => setTimeout(resolve, this.pauseMs));
    }
    outgoing.end();
  }
}

/** The connection, not the answer: one that waits behind another answer has no connection yet that it could take along. */
function cut(incoming: IncomingMessage): void {
  incoming.socket.destroy();
}

function sendProblem(outgoing: ServerResponse, error: SkerryError): void {
  const problem = toProblem(error, "req-1");
  outgoing.writeHead(problem.status, { "content-type": "application/problem+json" });
  outgoing.end(JSON.stringify(problem));
}

function notThere(key: string | undefined): never {
  throw new SkerryError("not_found", `There is no object ${JSON.stringify(key)} in this bucket.`);
}

function md5(bytes: Buffer): string {
  return createHash("md5").update(bytes).digest("hex");
}

function sendJson(outgoing: ServerResponse, status: number, value: unknown): void {
  if (value === undefined) return void outgoing.writeHead(204).end();
  outgoing.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

/** An answer that is an error. */
export function refuse(id: ErrorId, message: string, hint?: string): Answer {
  return () => {
    throw new SkerryError(id, message, hint === undefined ? {} : { hint });
  };
}
