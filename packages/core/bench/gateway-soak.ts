/**
 * The memory of one worker under churn: connections that come and go, TLS handshakes, slow readers and slow bodies, requests that
 * are given up, errors of clients and of the upstream, tunnels, HTTP/2. Prints its resident memory over time and how it slopes
 * after the first third; ends with status 1 when that is too steep (after `VERDICT_MINUTES`), or when a kind never went through.
 * `tools/node --conditions=source packages/core/bench/gateway-soak.ts [MINUTES [KINDS]]`; 30 for a verdict, less for a look.
 */

import { mkdtempSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { connect as connectHttp2, constants } from "node:http2";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { endAll, freePort, PROXY_CORE, start } from "./gateway-processes.ts";
import { ownProgram } from "./gateway-worker.ts";

const MINUTES = Number(process.argv[2] ?? 30);
const EVERY_MS = 5000;
/** Of each kind at once. */
const AT_ONCE = 4;
/** A slope below this is noise of the collector in half an hour. In a few minutes any slope may be. */
const MOST_MB_PER_HOUR = 10;
const VERDICT_MINUTES = 20;
const HTTP2_CANCEL = constants.NGHTTP2_CANCEL;
const BIG = Buffer.alloc(256 * 1024, "x");
const KINDS = [
  "small",
  "tls",
  "big",
  "slow reader",
  "slow body",
  "given up",
  "no http",
  "no route",
  "broken",
  "tunnel",
  "h2 streams",
  "h2 given up",
] as const;
type Kind = (typeof KINDS)[number];
/** To see which one it is that costs memory: some of them, with commas between. */
const CHOSEN = KINDS.filter((kind) => process.argv[3] === undefined || process.argv[3].split(",").includes(kind));

/** Answers by path; some of it badly. */
function startUpstream(port: number): Server {
  return createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes) => {
      const text = bytes.toString("latin1");
      if (text.startsWith("GET /big"))
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BIG.length}\r\n\r\n`, () => socket.write(BIG));
      else if (text.startsWith("GET /broken")) socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nno");
      else if (text.startsWith("GET /never")) return;
      else if (text.startsWith("GET /tunnel"))
        socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello");
      else if (/^(GET|POST) /.test(text)) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
  }).listen(port, "127.0.0.1");
}

const HOST = "Host: 127.0.0.1\r\n";
const request = (path: string, more = "Connection: close\r\n") => `GET ${path} HTTP/1.1\r\n${HOST}${more}\r\n`;

/** What is sent by HTTP/1.1, and what is done with the connection until it ends. */
const SENT: Readonly<Partial<Record<Kind, string>>> = {
  small: request(`/small?x=${"y".repeat(200)}`),
  tls: request("/small"),
  big: request("/big"),
  "slow reader": request("/big"),
  "slow body": `POST / HTTP/1.1\r\nContent-Length: 20\r\nConnection: close\r\n${HOST}\r\n`,
  "given up": request("/never"),
  "no http": "HELLO\r\n\r\n",
  "no route": "GET / HTTP/1.1\r\nHost: nobody.example\r\nConnection: close\r\n\r\n",
  broken: request("/broken"),
  tunnel: request("/tunnel", "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
};

/** A connection of HTTP/2: requests at once, of which those that get no answer are given up, one by one or with it. */
async function onceHttp2(kind: Kind, ports: { plain: number; tls: number }, signal: AbortSignal): Promise<void> {
  const isTls = Math.random() < 0.5;
  const url = isTls ? `https://127.0.0.1:${ports.tls}` : `http://127.0.0.1:${ports.plain}`;
  const session = connectHttp2(url, { rejectUnauthorized: false });
  const stop = () => session.destroy();
  const ended = new Promise<void>((resolve) => session.once("close", () => resolve()));
  signal.addEventListener("abort", stop, { once: true });
  session.on("error", stop);
  session.setTimeout(20_000, stop);
  const paths =
    kind === "h2 streams" ? ["/small", "/big", "/small", "/broken", "/big"] : ["/never", "/small", "/never"];
  const streams = paths.map((path) => {
    const stream = session.request({ ":path": path, ":authority": "127.0.0.1" });
    stream.on("error", () => undefined);
    if (path === "/never") setTimeout(() => stream.close(HTTP2_CANCEL), 50 * Math.random());
    return new Promise<void>((resolve) => stream.resume().once("close", () => resolve()));
  });
  if (Math.random() < 0.2) setTimeout(stop, 30 * Math.random());
  await Promise.race([Promise.all(streams), ended]);
  session.close();
  await ended;
  signal.removeEventListener("abort", stop);
}

async function once(kind: Kind, ports: { plain: number; tls: number }, signal: AbortSignal): Promise<void> {
  if (SENT[kind] === undefined) return onceHttp2(kind, ports, signal);
  const isTls = kind === "tls" || Math.random() < 0.2;
  const socket: Socket = isTls
    ? connectTls({ host: "127.0.0.1", port: ports.tls, rejectUnauthorized: false })
    : connect(ports.plain, "127.0.0.1");
  const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const stop = () => socket.destroy();
  signal.addEventListener("abort", stop, { once: true });
  socket.on("error", stop);
  socket.setTimeout(20_000, stop);
  socket.write(SENT[kind] ?? "");
  if (kind === "slow reader") void readSlowly(socket);
  else if (kind === "slow body") void writeSlowly(socket);
  else if (kind === "given up") setTimeout(() => (isTls ? stop() : socket.resetAndDestroy()), 50 * Math.random());
  else if (kind === "tunnel") socket.once("data", () => setTimeout(() => socket.end(), 20));
  socket.resume();
  await ended;
  signal.removeEventListener("abort", stop);
}

async function readSlowly(socket: Socket): Promise<void> {
  for (let n = 0; n < 5 && !socket.destroyed; n++) {
    socket.pause();
    await sleep(20);
    socket.resume();
    await sleep(1);
  }
}

async function writeSlowly(socket: Socket): Promise<void> {
  for (let n = 0; n < 20 && !socket.destroyed; n++) {
    socket.write("x");
    await sleep(5);
  }
}

async function residentMb(pid: number): Promise<number> {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

/** MB an hour, by least squares. */
function slope(points: readonly { readonly hours: number; readonly mb: number }[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [hours, mb] = [mean(points.map((point) => point.hours)), mean(points.map((point) => point.mb))];
  const over = points.reduce((sum, point) => sum + (point.hours - hours) * (point.mb - mb), 0);
  return over / points.reduce((sum, point) => sum + (point.hours - hours) ** 2, 0);
}

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, () => stop.abort());
const folder = mkdtempSync(join(tmpdir(), "skerry-soak-gateway-"));
const upstream = await freePort();
const server = startUpstream(upstream);
try {
  const ports = { plain: await freePort(), tls: await freePort(), tcp: 0, upstream };
  const { pid = 0 } = await start(ownProgram(ports, folder, true), PROXY_CORE, ports.plain);
  const counts = new Map<Kind, number>(CHOSEN.map((kind) => [kind, 0]));
  const endMs = performance.now() + MINUTES * 60_000;
  const churn = CHOSEN.flatMap((kind) =>
    Array.from({ length: AT_ONCE }, async () => {
      while (performance.now() < endMs && !stop.signal.aborted) {
        await once(kind, ports, stop.signal);
        counts.set(kind, (counts.get(kind) ?? 0) + 1);
      }
    }),
  );
  const beganMs = performance.now();
  const points: { hours: number; mb: number }[] = [];
  while (performance.now() < endMs && !stop.signal.aborted) {
    await sleep(EVERY_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    const point = { hours: (performance.now() - beganMs) / 3_600_000, mb: await residentMb(pid) };
    points.push(point);
    const done = [...counts.values()].reduce((sum, count) => sum + count, 0);
    console.log(
      `${(point.hours * 60).toFixed(1).padStart(6)} min  ${point.mb.toFixed(1).padStart(7)} MB  ${done} connections`,
    );
  }
  await Promise.all(churn);
  const late = points.slice(Math.floor(points.length / 3));
  const mbPerHour = slope(late);
  const most = Math.max(...late.map(({ mb }) => mb));
  console.log([...counts].map(([kind, count]) => `${kind} ${count}`).join(", "));
  console.log(`after the first third: at most ${most.toFixed(1)} MB, ${mbPerHour.toFixed(1)} MB an hour`);
  const isSteep = MINUTES >= VERDICT_MINUTES && !(mbPerHour <= MOST_MB_PER_HOUR);
  if ([...counts.values()].includes(0) || isSteep) process.exitCode = 1;
} finally {
  server.close();
  await endAll();
  await rm(folder, { recursive: true, force: true });
}
