/**
 * Static sites: what is in a bucket as a web server shows it. Gateway workers ask it over a unix socket, because they hold
 * routes and nothing else. GET and HEAD only; `index.html` in folders, `404.html` for what is not there.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { ApiResponse } from "@skerry/core/contract/dispatch/exchange.ts";
import { createServer } from "@skerry/core/contract/node-http.ts";
import { isError, toSkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { ObjectInfo } from "@skerry/core/domain/objects.ts";
import type { Logger } from "@skerry/core/domain/telemetry.ts";
import { parseSitePath } from "@skerry/core/gateway/compile.ts";
import type { ObjectService } from "@skerry/core/storage/objects.ts";
import { evaluateRead, readRange } from "../http/conditional.ts";
import { finish, send } from "../http/send.ts";

const { maxLargeSiteAnswers, maxSiteAnswers } = LIMITS.gateway;
const { blockBytes, ioBytes } = LIMITS.objects;

type Objects = Pick<ObjectService, "get" | "head">;

export interface SitesOptions {
  readonly objects: Objects;
  readonly log: Logger;
  readonly socketPath: string;
}

/** One request to a static site. */
interface Visit {
  readonly method: string;
  readonly bucket: string;
  /** Of the header of that name, in lower case. */
  readonly header: (name: string) => string | undefined;
  readonly signal: AbortSignal;
  /** Of what is read at once. */
  readonly pieceBytes: number;
}

/** Room for the headers that the gateway adds to what it takes. */
const ADDED_HEADER_BYTES = 2048;
const SERVER_OPTIONS = {
  keepAliveTimeout: LIMITS.gateway.siteKeepAliveMs,
  maxHeaderSize: LIMITS.proxy.maxHeadBytes + ADDED_HEADER_BYTES,
};

/** @throws what listening throws. */
export async function startSites({ objects, log, socketPath }: SitesOptions): Promise<AsyncDisposable> {
  const readerIdleMs = LIMITS.http.readerIdleTimeoutMs;
  let answers = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const gone = new AbortController();
    answers++;
    response.once("close", () => {
      answers--;
      gone.abort();
    });
    const header = (name: string) => textOf(request.headers[name]);
    const visit = { method: request.method ?? "", header, signal: gone.signal, pieceBytes: pieceBytesOf(answers) };
    const answered = answers > maxSiteAnswers ? Promise.resolve(BUSY) : answerTo(objects, request, visit);
    const answer = await answered.catch((thrown: unknown) => {
      const error = toSkerryError(thrown);
      const ours = error.is("invalid");
      if (!ours && !gone.signal.aborted) log.warn({ error, target: request.url }, "a static site could not be shown");
      return plain(ours ? error.status : 503, ours ? error.message : "It cannot be shown at the moment.");
    });
    const id = header("x-request-id") ?? "";
    await send(response, answer, { id, headOnly: request.method === "HEAD", readerIdleMs });
    await finish(response, readerIdleMs);
  };
  const server = createServer(SERVER_OPTIONS, (request, response) => {
    // An answer that breaks in the middle must not look whole.
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    // The workers may come all at once: a unix socket whose queue is full turns away, where TCP would wait.
    server.listen({ path: socketPath, backlog: LIMITS.gateway.backlog }, resolve);
  });
  return { [Symbol.asyncDispose]: () => close(server) };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function textOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Strangers may read as slowly as they like, and each holds what is read ahead for him. */
function pieceBytesOf(answers: number): number {
  return answers > maxLargeSiteAnswers ? blockBytes : ioBytes;
}

async function answerTo(
  objects: Objects,
  request: IncomingMessage,
  { method, ...visiting }: Omit<Visit, "bucket">,
): Promise<ApiResponse> {
  const [target = "", query] = (request.url ?? "").split("?", 2);
  const site = parseSitePath(target);
  if (site === undefined) return plain(404, NOTHING);
  if (method !== "GET" && method !== "HEAD") return plain(405, "A static site is only read.", { allow: "GET, HEAD" });
  // Links on a page are relative to its folder.
  const toFolder = (path: string) => redirect(`${site.routePath}${path}/`, query);
  if (site.path === "") return toFolder("");
  const key = keyOf(site.path);
  if (key === undefined) return plain(400, "The path is not valid.");
  const visit: Visit = { method, bucket: site.bucket, ...visiting };
  const found = await find(objects, visit, key);
  if (found !== undefined) return show(objects, visit, found);
  const folder = key.endsWith("/index.html") ? undefined : await find(objects, visit, `${key}/index.html`);
  if (folder !== undefined) return toFolder(site.path);
  const missing = await find(objects, visit, "404.html");
  return missing === undefined ? plain(404, NOTHING) : show(objects, visit, missing, 404);
}

/** Two slashes in front would be another host. */
function redirect(path: string, query: string | undefined): ApiResponse {
  const location = `/${path.replace(/^\/+/, "")}${query === undefined ? "" : `?${query}`}`;
  return plain(301, "It is a folder.", { location });
}

const NOTHING = "There is nothing here.";

/** The key that a path means; of a folder, its index. Undefined: a broken encoding, or one that hides a slash or NUL. */
function keyOf(path: string): string | undefined {
  if (/%(2f|00)/i.test(path)) return undefined;
  try {
    const key = decodeURIComponent(path.replace(/^\//, ""));
    return key === "" || key.endsWith("/") ? `${key}index.html` : key;
  } catch {
    return undefined;
  }
}

async function find(objects: Objects, { bucket }: Visit, key: string): Promise<ObjectInfo | undefined> {
  if (Buffer.byteLength(key) > LIMITS.objects.maxKeyBytes) return undefined;
  return objects.head({ bucket, key });
}

async function show(objects: Objects, visit: Visit, info: ObjectInfo, status = 200): Promise<ApiResponse> {
  const { method, bucket, header, signal, pieceBytes } = visit;
  const version = { etag: `"${info.etag}"`, "last-modified": new Date(info.modifiedAt).toUTCString() };
  if (status === 200 && evaluateRead(info, header) === "not-modified") return { status: 304, headers: version };
  const range = status === 200 && method === "GET" ? readRange(info, header) : undefined;
  const { offset, length } = range ?? { offset: 0, length: info.sizeBytes };
  const headers = {
    ...version,
    "accept-ranges": "bytes",
    "content-type": info.contentType,
    "content-length": String(length),
    ...(range === undefined ? {} : { "content-range": `bytes ${offset}-${offset + length - 1}/${info.sizeBytes}` }),
  };
  const answer = range === undefined ? status : 206;
  if (method === "HEAD") return { status: answer, headers };
  try {
    const content = await objects.get({
      ...{ bucket, key: info.key, condition: { ifMatch: [info.etag] }, signal, pieceBytes },
      ...(range === undefined ? {} : { range }),
    });
    if (content === undefined) return plain(404, NOTHING);
    await content.body.begin();
    return { status: answer, headers, body: content.body };
  } catch (error) {
    if (!isError(error, "conflict/precondition")) throw error;
    // It was replaced after the look.
    const next = await find(objects, visit, info.key);
    return next === undefined ? plain(404, NOTHING) : show(objects, visit, next, status);
  }
}

function plain(status: number, text: string, headers: Readonly<Record<string, string>> = {}): ApiResponse {
  return { status, headers: { ...headers, "content-type": "text/plain; charset=utf-8" }, body: `${text}\n` };
}

const BUSY = plain(503, "Too many are shown something at this moment.", { "retry-after": "1" });
