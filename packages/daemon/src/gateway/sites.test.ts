import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { ObjectInfo } from "@skerry/core/domain/objects.ts";
import { ObjectBody } from "@skerry/core/storage/object-body.ts";
import type { GetRequest, ObjectContent } from "@skerry/core/storage/objects.ts";
import { createCollectingLogger } from "@skerry/core/testing/sim-telemetry.ts";
import { startSites } from "./sites.ts";

const BUCKET = "b".repeat(26);
const FILES: Readonly<Record<string, string>> = {
  "index.html": "<h1>home</h1>",
  "404.html": "<h1>not here</h1>",
  "docs/index.html": "<h1>docs</h1>",
  "a b/ü.txt": "spaces",
  "%2e.txt": "a percent",
};

/** Objects in memory; `fail` breaks reading. */
class FakeObjects {
  readonly files = new Map(Object.entries(FILES));
  fail: Error | undefined;
  onHead: () => void = () => undefined;
  onGet: () => Promise<void> | undefined = () => undefined;

  #info(key: string): ObjectInfo | undefined {
    const text = this.files.get(key);
    if (text === undefined) return undefined;
    const modifiedAt = new Date(0).toISOString();
    const contentType = key.endsWith(".html") ? "text/html" : "text/plain";
    const etag = Buffer.from(text).toString("hex").slice(0, 32).padEnd(32, "0");
    return {
      bucket: BUCKET,
      key,
      version: "v",
      sizeBytes: Buffer.byteLength(text),
      etag,
      contentType,
      modifiedAt,
      metadata: {},
    };
  }

  async head({ bucket, key }: { bucket: string; key: string }): Promise<ObjectInfo | undefined> {
    if (this.fail !== undefined) throw this.fail;
    const info = bucket === BUCKET ? this.#info(key) : undefined;
    this.onHead();
    return info;
  }

  /** Asked for, one after another. */
  readonly pieceBytes: (number | undefined)[] = [];

  async get({ key, range, condition, pieceBytes }: GetRequest): Promise<ObjectContent | undefined> {
    this.pieceBytes.push(pieceBytes);
    await this.onGet();
    const info = this.#info(key);
    if (info === undefined) return undefined;
    if (condition?.ifMatch !== undefined && !condition.ifMatch.includes(info.etag)) {
      throw new SkerryError("conflict/precondition", "It has changed.");
    }
    const bytes = Buffer.from(this.files.get(key) ?? "");
    const part = range === undefined ? bytes : bytes.subarray(range.offset, range.offset + range.length);
    const pieces = (async function* () {
      yield part;
    })();
    const body = new ObjectBody(pieces, new AbortController().signal, () => undefined);
    return { info, sizeBytes: part.length, body };
  }
}

describe("a static site", () => {
  let directory: string;
  let socketPath: string;
  const objects = new FakeObjects();
  const log = createCollectingLogger();
  let sites: AsyncDisposable;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "skerry-sites-"));
    socketPath = join(directory, "web.sock");
    sites = await startSites({ objects, log, socketPath });
  });
  after(async () => {
    await sites[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  const ask = async (path: string, { method = "GET", headers = {}, route = "/" } = {}) => {
    const used = route === "/" ? 0 : route.length;
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request({ socketPath, path: `/${BUCKET}/${used}${path}`, method, headers, agent: false }, resolve);
      sent.on("error", reject).end();
    });
    const parts: Buffer[] = [];
    for await (const part of answer) parts.push(part as Buffer);
    return { status: answer.statusCode, headers: answer.headers, text: Buffer.concat(parts).toString() };
  };

  test("shows files, the index of folders, and sends folders to their slash", async () => {
    assert.equal((await ask("/")).text, "<h1>home</h1>");
    assert.equal((await ask("/docs/")).text, "<h1>docs</h1>");
    const folder = await ask("/docs?a=1");
    assert.deepEqual([folder.status, folder.headers.location], [301, "/docs/?a=1"]);
    const file = await ask("/a%20b/%C3%BC.txt");
    assert.deepEqual([file.status, file.text, file.headers["content-type"]], [200, "spaces", "text/plain"]);
    assert.equal((await ask("/%252e.txt")).text, "a percent");
  });

  test("below a route's path, what the route has used up is no part of the key", async () => {
    assert.equal((await ask("/site/docs/", { route: "/site" })).text, "<h1>docs</h1>");
    assert.equal((await ask("/site/", { route: "/site" })).text, "<h1>home</h1>");
    assert.equal((await ask("/site?q", { route: "/site" })).headers.location, "/site/?q");
    assert.equal((await ask("/site/docs", { route: "/site" })).headers.location, "/site/docs/");
  });

  test("no path leads to another host", async () => {
    objects.files.set("/evil.example/index.html", "x");
    const { headers } = await ask("//evil.example");
    assert.ok(headers.location === undefined || !headers.location.startsWith("//"), `${headers.location}`);
    objects.files.delete("/evil.example/index.html");
  });

  test("shows 404.html for what is not there, and says so plainly without one", async () => {
    const own = await ask("/nothing");
    assert.deepEqual([own.status, own.text], [404, "<h1>not here</h1>"]);
    objects.files.delete("404.html");
    const plain = await ask("/nothing");
    assert.deepEqual([plain.status, plain.text], [404, "There is nothing here.\n"]);
    objects.files.set("404.html", FILES["404.html"] ?? "");
    for (const path of ["/%ff", "/a%2fb", "/%00"]) assert.equal((await ask(path)).status, 400, path);
  });

  test("answers ranges and conditions, and HEAD without a body", async () => {
    const { headers } = await ask("/");
    const part = await ask("/", { headers: { range: "bytes=4-7" } });
    assert.deepEqual([part.status, part.text, part.headers["content-range"]], [206, "home", "bytes 4-7/13"]);
    assert.equal((await ask("/", { headers: { range: "bytes=99-" } })).status, 416);
    assert.equal((await ask("/", { headers: { "if-none-match": `${headers.etag}` } })).status, 304);
    const head = await ask("/", { method: "HEAD" });
    assert.deepEqual([head.status, head.text, head.headers["content-length"]], [200, "", "13"]);
    const post = await ask("/", { method: "POST" });
    assert.deepEqual([post.status, post.headers.allow], [405, "GET, HEAD"]);
  });

  test("what is replaced between the look and the read is shown as it is now", async () => {
    let once = true;
    objects.onHead = () => {
      if (once) objects.files.set("index.html", "<h1>new</h1>");
      once = false;
    };
    assert.equal((await ask("/")).text, "<h1>new</h1>");
    objects.onHead = () => undefined;
  });

  test("a storage that cannot answer is 503, without its reasons", async () => {
    objects.fail = new SkerryError("unavailable/replicas", "The disk s1 is gone.");
    const { status, text } = await ask("/");
    assert.deepEqual([status, text], [503, "It cannot be shown at the moment.\n"]);
    assert.match(log.lines.at(-1)?.message ?? "", /could not be shown/);
    objects.fail = undefined;
  });

  test("who comes when many are shown something gets it in small pieces, and beyond that nobody more", async () => {
    const { maxLargeSiteAnswers, maxSiteAnswers } = LIMITS.gateway;
    const { promise: held, resolve: go } = Promise.withResolvers<void>();
    objects.onGet = () => held;
    objects.pieceBytes.length = 0;
    const many = Array.from({ length: maxSiteAnswers }, () => ask("/"));
    const endMs = performance.now() + 20_000;
    while (objects.pieceBytes.length < maxSiteAnswers && performance.now() < endMs) await sleep(10);
    const refused = await ask("/");
    assert.deepEqual([refused.status, refused.headers["retry-after"]], [503, "1"]);
    go();
    for (const { status } of await Promise.all(many)) assert.equal(status, 200);
    objects.onGet = () => undefined;
    const { ioBytes, blockBytes } = LIMITS.objects;
    const large = objects.pieceBytes.filter((bytes) => bytes === ioBytes).length;
    const small = objects.pieceBytes.filter((bytes) => bytes === blockBytes).length;
    assert.deepEqual([large, small], [maxLargeSiteAnswers, maxSiteAnswers - maxLargeSiteAnswers]);
    assert.equal((await ask("/")).status, 200, "and all is as before");
    assert.equal(objects.pieceBytes.at(-1), ioBytes);
  });

  test("as many connections as the workers open are taken, also when all come at once", async () => {
    const { maxUpstreamConnections } = LIMITS.proxy;
    const codes: Record<string, number> = {};
    const sockets = Array.from({ length: 2 * maxUpstreamConnections }, () => connect({ path: socketPath }));
    await Promise.all(
      sockets.map(async (socket) => {
        const [code] = await Promise.race([
          once(socket, "connect").then(() => ["taken"]),
          once(socket, "error").then(([error]) => [error.code]),
        ]).catch((error: NodeJS.ErrnoException) => [error.code]);
        codes[code ?? ""] = (codes[code ?? ""] ?? 0) + 1;
      }),
    );
    for (const socket of sockets) socket.destroy();
    assert.deepEqual(codes, { taken: sockets.length });
  });
});
