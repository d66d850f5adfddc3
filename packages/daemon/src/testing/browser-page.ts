/** Chromium, and a page for it that talks by WebSocket, by server-sent events and by uploads, and tells what it found out. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type WebSocket, WebSocketServer } from "ws";

export const PAGE_HOST = "app.example";
const CERTIFICATE = fileURLToPath(new URL("../../../../fixtures/gateway/tls/certificate.pem", import.meta.url));
const DEADLINE_MS = 90_000;
const SAID_LENGTH = 4000;

/** What the page finds out, told by a POST of its own. */
const PAGE = `<!doctype html><title>page</title><script type="module">
const report = { errors: [] };
addEventListener("error", (event) => report.errors.push(String(event.message)));
const protocol = (name) => performance.getEntriesByName(new URL(name, location).href)[0]?.nextHopProtocol;
const socket = new WebSocket("wss://" + location.host + "/ws");
socket.binaryType = "arraybuffer";
const talk = new Promise((done) => {
  const got = [];
  socket.onopen = () => { socket.send("hello"); socket.send(new Uint8Array(300000).fill(7)); };
  socket.onmessage = ({ data }) => {
    got.push(typeof data === "string" ? data : data.byteLength);
    if (got.length === 3) socket.close(4001, "done");
  };
  socket.onclose = ({ code, wasClean }) => done({ got, code, wasClean });
  socket.onerror = () => report.errors.push("websocket");
});
const events = new Promise((done) => {
  const got = [];
  const source = new EventSource("/events");
  source.onmessage = ({ data, lastEventId }) => {
    got.push(data + "/" + lastEventId);
    if (got.length === 4) { source.close(); done(got); }
  };
});
const body = new Uint8Array(2000000).map((_, i) => i * 31);
const upload = fetch("/upload", { method: "POST", body }).then((answer) => answer.json());
const missing = fetch("https://" + location.host + "/missing").then(({ status }) => status);
[report.socket, report.events, report.upload, report.missing] = await Promise.all([talk, events, upload, missing]);
report.page = performance.getEntriesByType("navigation")[0].nextHopProtocol;
report.fetched = protocol("/upload");
await fetch("/report", { method: "POST", body: JSON.stringify(report) });
</script>`;

export interface Report {
  readonly errors: readonly string[];
  readonly socket: { readonly got: readonly (string | number)[]; readonly code: number; readonly wasClean: boolean };
  readonly events: readonly string[];
  readonly upload: { readonly bytes: number; readonly sha256: string };
  readonly missing: number;
  readonly page: string;
  readonly fetched: string;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Serves the page and its partners. */
async function serve(onReport: (report: Report) => void) {
  const sockets = new WebSocketServer({ noServer: true });
  const streams = { opened: 0, ended: 0 };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.url === "/") response.setHeader("content-type", "text/html").end(PAGE);
    else if (request.url === "/events") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      streams.opened++;
      // Each end comes back with the last id that was seen.
      let id = Number(request.headers["last-event-id"] ?? 0);
      const timer = setInterval(() => response.write(`id: ${++id}\ndata: tick\n\n`), 30);
      if (id === 0) setTimeout(() => response.end("retry: 50\n\n"), 80);
      response.once("close", () => {
        clearInterval(timer);
        streams.ended++;
      });
    } else if (request.url === "/upload") {
      const body = await bodyOf(request);
      response.end(JSON.stringify({ bytes: body.length, sha256: createHash("sha256").update(body).digest("hex") }));
    } else if (request.url === "/report") {
      onReport(JSON.parse((await bodyOf(request)).toString()) as Report);
      response.end();
    } else response.writeHead(404).end();
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: Error) => response.destroy(error));
  });
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    sockets.handleUpgrade(request, socket, head, (one: WebSocket) => {
      one.on("message", (data: Buffer, isBinary) => one.send(isBinary ? data : `${data} back`));
      one.send("welcome");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, sockets, streams };
}

/** Chromium takes this key's certificate for any name. */
async function browserFlags(port: number, profile: string): Promise<string[]> {
  const { publicKey } = new X509Certificate(await readFile(CERTIFICATE));
  const spki = createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("base64");
  return [
    ...["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"],
    ...["--disable-background-networking", "--disable-component-update", "--disable-default-apps"],
    ...[`--user-data-dir=${profile}`, `--ignore-certificate-errors-spki-list=${spki}`],
    ...[`--host-resolver-rules=MAP ${PAGE_HOST}:443 127.0.0.1:${port}`, "--remote-debugging-port=0"],
    `https://${PAGE_HOST}/`,
  ];
}

export interface BrowserPage extends AsyncDisposable {
  /** Of the server that has the page. */
  readonly port: number;
  /** Streams of events that were asked for. */
  readonly streams: { readonly opened: number };
  /** Loads the page through a gateway that has this port for TLS. Rejects when it does not report in time. */
  load(httpsPort: number): Promise<Report>;
}

export async function startBrowserPage(): Promise<BrowserPage> {
  const reported = Promise.withResolvers<Report>();
  const { server, sockets, streams } = await serve(reported.resolve);
  const profile = await mkdtemp(join(tmpdir(), "skerry-browser-"));
  let browser: ChildProcess | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    streams,
    async load(httpsPort) {
      browser = spawn("chromium", await browserFlags(httpsPort, profile), {
        stdio: ["ignore", "ignore", "pipe"],
        detached: true,
      });
      let said = "";
      browser.stderr?.on("data", (part: Buffer) => {
        said = (said + part.toString()).slice(-SAID_LENGTH);
      });
      const fail = (why: string) => reported.reject(new Error(`${why}: ${said}`));
      const late = setTimeout(() => fail("the page has not reported"), DEADLINE_MS);
      browser.once("exit", (code) => fail(`chromium ended with ${code}`));
      return await reported.promise.finally(() => clearTimeout(late));
    },
    async [Symbol.asyncDispose]() {
      if (browser?.pid !== undefined) {
        const ended = once(browser, "close");
        // All of its processes.
        process.kill(-browser.pid, "SIGKILL");
        await ended;
      }
      sockets.close();
      server.close();
      server.closeAllConnections();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
