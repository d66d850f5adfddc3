/**
 * Bodies far larger than memory go through a worker while the other side stands still now and then: they arrive as they
 * were, and the worker holds no more of them than one read's worth for each connection.
 */
import { equal, ok } from "node:assert/strict";
import { createHash, type Hash } from "node:crypto";
import { once } from "node:events";
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer as createHttp2Server,
} from "node:http2";
import { request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import type { Readable, Writable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { TableEntry } from "@skerry/core/gateway/table.ts";
import { GatewayWorker } from "../src/testing/gateway-worker.ts";

const MiB = 1024 * 1024;
const IS_FULL = process.env["SKERRY_TEST_TIER"] === "full";
const BODY_BYTES = IS_FULL ? 5 * 1024 * MiB : 192 * MiB;
/** Who is slow stands still after so much, until the other side has stood still too. */
const BURST_BYTES = BODY_BYTES / 4;
/** The kernel's buffers of two connections: each may grow to 32 MiB for who reads and 4 for who writes. */
const MOST_ON_THE_WAY = 80 * MiB;
/** A worker without load has 60 MB. */
const MOST_MEMORY = 160 * MiB;
/** Over HTTP/2 and TLS each read and each frame is garbage soon, of which some waits to be collected. */
const MOST_MEMORY_HTTP2 = 256 * MiB;
const HOST = "app.example";
const HTTP2_HOST = "two.example";

/** Repeats, but not with the period of any buffer. */
const PIECE = Buffer.from(Array.from({ length: 65_521 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));

/** How far the two ends are. */
interface Progress {
  sent: number;
  taken: number;
}

/** Sends the body with backpressure; gives its hash. */
async function send(out: Writable, progress: Progress): Promise<string> {
  const hash = createHash("sha256");
  for (let left = BODY_BYTES; left > 0; ) {
    const piece = left < PIECE.length ? PIECE.subarray(0, left) : PIECE;
    hash.update(piece);
    left -= piece.length;
    const goesOn = out.write(piece);
    progress.sent += piece.length;
    if (!goesOn) await once(out, "drain");
  }
  out.end();
  return hash.digest("hex");
}

/** Reads in bursts: between them it waits until the sender stands still, and looks how far that one has come. */
async function take(from: Readable, progress: Progress, farthest: { ahead: number }): Promise<string> {
  const hash: Hash = createHash("sha256");
  let nextStop = BURST_BYTES;
  for await (const piece of from) {
    hash.update(piece as Buffer);
    progress.taken += (piece as Buffer).length;
    if (progress.taken < nextStop || progress.taken >= BODY_BYTES) continue;
    nextStop += BURST_BYTES;
    for (let before = -1; before !== progress.sent; ) {
      before = progress.sent;
      await sleep(150);
    }
    farthest.ahead = Math.max(farthest.ahead, progress.sent - progress.taken);
  }
  return hash.digest("hex");
}

describe("bodies larger than memory", () => {
  let upstream: Server;
  let http2Upstream: ReturnType<typeof createHttp2Server>;
  let worker: GatewayWorker;
  const sessions = new Set<{ destroy(): void }>();
  let onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  before(async () => {
    upstream = createServer((request, response) => onRequest(request, response)).listen(0, "127.0.0.1");
    await once(upstream, "listening");
    http2Upstream = createHttp2Server((request, response) =>
      onRequest(request as unknown as IncomingMessage, response as unknown as ServerResponse),
    ).listen(0, "127.0.0.1");
    http2Upstream.on("session", (session) => sessions.add(session));
    await once(http2Upstream, "listening");
    const entry = (host: string, server: Server | typeof http2Upstream, protocol: "http/1.1" | "h2"): TableEntry => {
      const { port } = server.address() as AddressInfo;
      const backend = { kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "", protocol } as const;
      return { id: host, host, path: "/", upstream: { backends: [backend], reach: "any" } };
    };
    worker = await GatewayWorker.start([entry(HOST, upstream, "http/1.1"), entry(HTTP2_HOST, http2Upstream, "h2")]);
  });
  after(async () => {
    for (const session of sessions) session.destroy();
    http2Upstream.close();
    await worker[Symbol.asyncDispose]();
    upstream.close();
    upstream.closeAllConnections();
  });

  /** HTTP/2 from end to end. Whoever reads the stream is the client. */
  const openHttp2 = (method: string): { readonly session: ClientHttp2Session; readonly stream: ClientHttp2Stream } => {
    const session = connect(`https://127.0.0.1:${worker.httpsPort}`, { rejectUnauthorized: false });
    sessions.add(session);
    const stream = session.request({ ":method": method, ":authority": HTTP2_HOST }, { endStream: method === "GET" });
    return { session, stream };
  };

  const ask = (tls: boolean, method: string, headers: Record<string, string | number>) => {
    const options = { host: "127.0.0.1", method, headers: { host: HOST, ...headers }, agent: false } as const;
    return tls
      ? httpsRequest({ ...options, port: worker.httpsPort, servername: HOST, rejectUnauthorized: false })
      : httpRequest({ ...options, port: worker.httpPort });
  };

  const check = async (name: string, sent: string, got: string, ahead: number, most = MOST_MEMORY): Promise<void> => {
    const { peak } = await worker.memory();
    console.log(`${name}: ${Math.round(ahead / MiB)} MiB on the way, worker's peak ${Math.round(peak / MiB)} MiB`);
    equal(got, sent);
    ok(ahead > 0 && ahead <= MOST_ON_THE_WAY, `${ahead} bytes were on the way while nobody read`);
    ok(peak <= most, `the worker had ${peak} bytes`);
  };

  for (const tls of [false, true]) {
    const how = tls ? "over TLS" : "plain";
    test(`a download to a slow reader, ${how}`, async () => {
      const progress = { sent: 0, taken: 0 };
      const farthest = { ahead: 0 };
      const sent = new Promise<string>((resolve, reject) => {
        onRequest = (_, response) => void send(response, progress).then(resolve, reject);
      });
      const [response] = (await once(ask(tls, "GET", {}).end(), "response")) as [IncomingMessage];
      const got = await take(response, progress, farthest);
      await check(`download ${how}`, await sent, got, farthest.ahead);
    });

    test(`an upload to a slow upstream, ${how}`, async () => {
      const progress = { sent: 0, taken: 0 };
      const farthest = { ahead: 0 };
      onRequest = (request, response) => {
        take(request, progress, farthest).then(
          (hash) => response.end(hash),
          (error: unknown) => response.destroy(error as Error),
        );
      };
      const request = ask(tls, "PUT", tls ? {} : { "content-length": BODY_BYTES });
      const sent = send(request, progress);
      const [response] = (await once(request, "response")) as [IncomingMessage];
      const [got] = await response.setEncoding("utf8").toArray();
      await check(`upload ${how}`, await sent, got as string, farthest.ahead);
    });
  }

  test("a download over HTTP/2 on both sides, to a slow reader", async () => {
    const progress = { sent: 0, taken: 0 };
    const farthest = { ahead: 0 };
    const sent = new Promise<string>((resolve, reject) => {
      onRequest = (_, response) => void send(response, progress).then(resolve, reject);
    });
    const { session, stream } = openHttp2("GET");
    const got = await take(stream, progress, farthest);
    await check("download over HTTP/2", await sent, got, farthest.ahead, MOST_MEMORY_HTTP2);
    session.close();
  });

  test("an upload over HTTP/2 on both sides, to a slow upstream", async () => {
    const progress = { sent: 0, taken: 0 };
    const farthest = { ahead: 0 };
    onRequest = (request, response) => {
      take(request, progress, farthest).then(
        (hash) => response.end(hash),
        (error: unknown) => response.destroy(error as Error),
      );
    };
    const { session, stream } = openHttp2("PUT");
    const sent = send(stream, progress);
    const [got] = await stream.setEncoding("utf8").toArray();
    await check("upload over HTTP/2", await sent, got as string, farthest.ahead, MOST_MEMORY_HTTP2);
    session.close();
  });
});
