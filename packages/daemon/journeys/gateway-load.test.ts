/** The gateway under load while its routes change, a worker dies, and the daemon ends: nothing is lost, nothing goes astray. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { Agent, createServer, type IncomingMessage, request, type Server } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { WebSocket, WebSocketServer } from "ws";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";

const CHANGES = 50;
const UPLOAD_BYTES = 300_000;

let directory: string;
let upstream: Server;
let upstreamUrl: string;
/** Answers that the upstream keeps back until they are let go. */
const held: (() => void)[] = [];

/** Tells the path that it was asked for, and how much came; upgrades to an echo. */
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-gateway-load-"));
  upstream = createServer((incoming, response) => {
    let bytes = 0;
    incoming.on("data", (part: Buffer) => {
      bytes += part.length;
    });
    incoming.on("end", () => {
      const answer = () => response.end(`${incoming.url} ${bytes}`);
      if (incoming.url?.endsWith("/held")) held.push(answer);
      else answer();
    });
  });
  upstream.on("upgrade", (_, socket: Socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    socket.on("error", () => undefined);
    socket.pipe(socket);
  });
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
});
after(async () => {
  upstream.close();
  upstream.closeAllConnections();
  await rm(directory, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
}

function ask(daemon: DaemonProcess, host: string, path: string, agent: Agent, body?: Buffer): Promise<Answer> {
  const { port } = new URL(daemon.httpUrl ?? "");
  const method = body === undefined ? "GET" : "POST";
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, method, agent, headers: { host } }, (response) => {
      let text = "";
      response.on("data", (part: Buffer) => {
        text += part.toString();
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** A tunnel that says one thing after another and hears each before the next. */
async function talk(daemon: DaemonProcess, isOver: () => boolean): Promise<number> {
  const { port } = new URL(daemon.httpUrl ?? "");
  const socket = connect({ host: "127.0.0.1", port: Number(port) });
  let text = "";
  let isGone = false;
  socket.on("data", (part: Buffer) => {
    text += part.toString();
  });
  socket.on("error", () => undefined);
  socket.once("close", () => {
    isGone = true;
  });
  const hear = async (what: string): Promise<void> => {
    for (let tries = 0; !text.endsWith(what); tries++) {
      assert.ok(!isGone && tries < 20_000, `the tunnel is open, and says ${what}`);
      await sleep(1);
    }
    text = "";
  };
  socket.write("GET /ws HTTP/1.1\r\nHost: flip.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  await hear("\r\n\r\n");
  let said = 0;
  for (; !isOver(); said++) {
    socket.write(`<${said}>`);
    await hear(`<${said}>`);
  }
  socket.destroy();
  return said;
}

const start = (data: string, workers: number) =>
  startDaemonProcess({ data: join(directory, data), argv: ["--gateway-workers", String(workers)] });

const target = (n: number) => `${upstreamUrl}/v${n}`;

async function addRoute(client: Client, host: string, to: string): Promise<void> {
  await client.call(routeRoutes.create, { body: { spec: { host, to } } });
}

test(`${CHANGES} changes of a route under load: nothing is lost, and what is asked after a change goes the new way`, async (t) => {
  await using daemon = await start("flip", 2);
  const client = daemon.client(await daemon.login());
  await addRoute(client, "flip.example.com", target(0));
  let wanted = 0;
  let inForce = 0;
  let isOver = false;
  const counts = { kept: 0, fresh: 0, uploads: 0, streams: 0, said: 0 };
  const check = ({ status, text }: Answer, oldest: number, bytes: number): void => {
    assert.equal(status, 200, text);
    const [, version, size] = /^\/v(\d+)\/x (\d+)$/.exec(text) ?? assert.fail(text);
    assert.ok(Number(version) >= oldest && Number(version) <= wanted, `${text}, when ${oldest} was in force`);
    assert.equal(Number(size), bytes);
  };
  const repeat = async (agent: Agent, what: "kept" | "fresh" | "uploads", body?: Buffer): Promise<void> => {
    try {
      for (; !isOver; counts[what]++) {
        const oldest = inForce;
        check(await ask(daemon, "flip.example.com", "/x", agent, body), oldest, body?.length ?? 0);
      }
    } finally {
      agent.destroy();
    }
  };
  /** Several at once on one connection of HTTP/2, which stays. */
  const repeatStreams = async (): Promise<void> => {
    const session = connectHttp2(daemon.httpUrl ?? "");
    const one = async (): Promise<void> => {
      for (; !isOver; counts.streams++) {
        const oldest = inForce;
        const stream = session.request({ ":authority": "flip.example.com", ":path": "/x" });
        const [headers] = (await once(stream, "response")) as [{ ":status": number }];
        const text = (await stream.setEncoding("utf8").toArray()).join("");
        check({ status: headers[":status"], headers: {}, text }, oldest, 0);
      }
    };
    await Promise.all([1, 2, 3].map(one)).finally(() => session.destroy());
  };
  const upload = Buffer.alloc(UPLOAD_BYTES, "u");
  const all = [
    ...[1, 2].map(repeatStreams),
    ...[1, 2, 3, 4].map(() => repeat(new Agent({ keepAlive: true, maxSockets: 1 }), "kept")),
    ...[1, 2].map(() => repeat(new Agent({ keepAlive: false }), "fresh")),
    ...[1, 2].map(() => repeat(new Agent({ keepAlive: true, maxSockets: 1 }), "uploads", upload)),
    ...[1, 2, 3].map(async () => {
      counts.said += await talk(daemon, () => isOver);
    }),
  ];
  const load = Promise.all(all);
  const change = async (): Promise<void> => {
    for (let n = 1; n <= CHANGES; n++) {
      wanted = n;
      const params = { name: "flip-example-com" };
      await client.call(routeRoutes.update, { params, body: { spec: { to: target(n) } } });
      inForce = n;
    }
  };
  try {
    await Promise.race([change(), load]);
  } finally {
    isOver = true;
    await Promise.allSettled(all);
  }
  await load;
  assert.equal(inForce, CHANGES);
  t.diagnostic(JSON.stringify(counts));
  for (const [what, count] of Object.entries(counts)) assert.ok(count > 0, what);
});

test("SIGTERM: requests under way are answered, and told that their connection ends", async () => {
  await using daemon = await start("drain", 2);
  const client = daemon.client(await daemon.login());
  await addRoute(client, "app.example.com", upstreamUrl);
  const agents = Array.from({ length: 6 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  for (const agent of agents) await ask(daemon, "app.example.com", "/warm", agent);
  const body = Buffer.alloc(UPLOAD_BYTES, "u");
  const answers = agents.map((agent, i) => ask(daemon, "app.example.com", "/held", agent, i % 2 ? body : undefined));
  while (held.length < agents.length) await sleep(5);
  const ended = daemon.kill("SIGTERM");
  while (!daemon.lines.some((line) => line.includes("draining"))) await sleep(5);
  await sleep(200);
  for (const answer of held.splice(0)) answer();
  for (const [i, { status, headers, text }] of (await Promise.all(answers)).entries()) {
    assert.deepEqual([status, headers.connection, text], [200, "close", `/held ${i % 2 ? UPLOAD_BYTES : 0}`]);
  }
  assert.equal(await ended, 0);
  for (const agent of agents) agent.destroy();
});

test("SIGTERM: WebSockets are told that it goes away, over both workers, and none of their messages is cut", async () => {
  await using daemon = await start("goodbye", 2);
  const client = daemon.client(await daemon.login());
  const server = createServer();
  const echo = new WebSocketServer({ server });
  const codes: number[] = [];
  echo.on("connection", (socket) => {
    socket.on("message", (data) => socket.send(data)).on("close", (code) => codes.push(code));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  await addRoute(client, "ws.example.com", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const { port } = new URL(daemon.httpUrl ?? "");
  const open = async (): Promise<{ closed: Promise<unknown[]>; sizes: number[] }> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { host: "ws.example.com" } });
    await once(socket, "open");
    const sizes: number[] = [];
    const say = (): void => socket.send(Buffer.alloc(UPLOAD_BYTES, "m"));
    socket.on("message", (data: Buffer) => {
      sizes.push(data.length);
      if (socket.readyState === WebSocket.OPEN) say();
    });
    say();
    return { closed: once(socket, "close"), sizes };
  };
  try {
    const sockets = await Promise.all(Array.from({ length: 12 }, open));
    while (sockets.some(({ sizes }) => sizes.length < 3)) await sleep(5);
    assert.equal(await daemon.kill("SIGTERM"), 0);
    for (const { closed, sizes } of sockets) {
      assert.deepEqual([(await closed)[0], new Set(sizes)], [1001, new Set([UPLOAD_BYTES])]);
    }
    while (codes.length < sockets.length) await sleep(5);
    assert.deepEqual([...new Set(codes)], [1001]);
  } finally {
    echo.close();
    server.close();
    server.closeAllConnections();
  }
});

/** Pids of the daemon's processes that have connections of clients: its workers. */
async function workersOf(daemon: DaemonProcess): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
      return Number(stat.split(") ")[1]?.split(" ")[1]) === daemon.pid ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}

test("a worker that is killed takes its own connections with it, and no others", async (t) => {
  await using daemon = await start("kill", 2);
  const client = daemon.client(await daemon.login());
  await addRoute(client, "app.example.com", upstreamUrl);
  const agents = Array.from({ length: 24 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const once = () => Promise.allSettled(agents.map((agent) => ask(daemon, "app.example.com", "/held", agent)));
  const first = once();
  while (held.length < agents.length) await sleep(5);
  const [victim = 0] = await workersOf(daemon);
  process.kill(victim, "SIGKILL");
  await sleep(300);
  for (const answer of held.splice(0)) answer();
  const results = await first;
  const lost = results.filter(({ status }) => status === "rejected").length;
  t.diagnostic(`${lost} of ${agents.length} were the killed worker's`);
  assert.ok(lost > 0 && lost < agents.length, `${lost} lost`);
  for (const result of results) {
    if (result.status === "fulfilled") assert.deepEqual([result.value.status, result.value.text], [200, "/held 0"]);
  }
  // Who survived goes on, who was lost comes again.
  for (const agent of agents) assert.equal((await ask(daemon, "app.example.com", "/x", agent)).text, "/x 0");
  for (const agent of agents) agent.destroy();
});
