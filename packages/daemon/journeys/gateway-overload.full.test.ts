/**
 * A real worker that is asked for four times of what it can do, and one whose upstream has a backend that pauses now and then:
 * figures, in the full tier alone. What does it is shown at once by `guard/admission.test.ts` and `proxy/hedging.test.ts`.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RouteHedge } from "@skerry/core/domain/route-hedge.ts";
import type { Backend, TableEntry } from "@skerry/core/gateway/table.ts";
import { GatewayWorker } from "../src/testing/gateway-worker.ts";

/** What is done with it takes a worker half a millisecond, once it has decided to do it: so this process can ask for more than it can do. */
const COSTLY_PATH = `/${"ab-cde".repeat(240)}`;
const rewrite = { regex: "^/(.*)a(.*)$", with: "/x" };
const CONNECTIONS = 1500;
const OVERLOAD_MS = 8000;
const PRIORITIES = ["low", "normal", "high"] as const;
type Priority = (typeof PRIORITIES)[number];

class Answers {
  /** From the time at which each request should have gone out; by status. */
  readonly tookMs = new Map<number, number[]>();

  add(status: number, ms: number): void {
    const known = this.tookMs.get(status);
    if (known === undefined) this.tookMs.set(status, [ms]);
    else known.push(ms);
  }

  count(status: number): number {
    return this.tookMs.get(status)?.length ?? 0;
  }

  /** `part` of those of a status took at most so long. */
  ms(status: number, part: number): number {
    const sorted = [...(this.tookMs.get(status) ?? [])].sort((a, b) => a - b);
    return Math.round((sorted[Math.ceil(sorted.length * part) - 1] ?? 0) * 10) / 10;
  }
}

/** Connections that stay, each with one request at a time. */
class Clients {
  readonly answers = new Map<string, Answers>();
  /** How late requests went out: this process was busy, or all connections were. */
  readonly late = new Answers();
  /** What was no whole answer of ours. */
  readonly odd: string[] = [];
  readonly #port: number;
  readonly #path: string;
  readonly #sockets = new Set<Socket>();
  #idle: Socket[] = [];
  readonly #waiting: { readonly host: string; readonly sinceMs: number }[] = [];
  readonly #asked = new Map<Socket, { readonly host: string; readonly sinceMs: number; text: string }>();

  constructor(port: number, path = "/") {
    this.#port = port;
    this.#path = path;
  }

  async open(count: number): Promise<void> {
    for (let at = 0; at < count; at++) {
      const socket = connect({ port: this.#port, host: "127.0.0.1", noDelay: true });
      await once(socket, "connect");
      this.#sockets.add(socket);
      this.#idle.push(socket);
      socket.on("data", (bytes: Buffer) => this.#read(socket, bytes));
      socket.on("error", () => undefined);
      socket.once("close", () => this.#lose(socket));
    }
  }

  get isDone(): boolean {
    return this.#asked.size + this.#waiting.length === 0;
  }

  get inFlight(): number {
    return this.#asked.size;
  }

  of(host: string): Answers {
    const answers = this.answers.get(host) ?? new Answers();
    this.answers.set(host, answers);
    return answers;
  }

  /** It should go out at this moment. */
  ask(host: string, sinceMs: number): void {
    const socket = this.#idle.pop();
    if (socket === undefined) {
      this.#waiting.push({ host, sinceMs });
      return;
    }
    this.late.add(0, performance.now() - sinceMs);
    this.#asked.set(socket, { host, sinceMs, text: "" });
    socket.write(`GET ${this.#path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  }

  #read(socket: Socket, bytes: Buffer): void {
    const asked = this.#asked.get(socket);
    if (asked === undefined) return;
    asked.text += bytes.toString("latin1");
    const end = asked.text.indexOf("\r\n\r\n");
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(asked.text)?.[1]);
    if (end < 0 || asked.text.length < end + 4 + length) return;
    const status = Number(asked.text.slice(9, 12));
    const isOwn = /\r\nRetry-After: \d+\r\n[\s\S]*"reason":"overload"/.test(asked.text);
    if (status !== 200 && !(status === 503 && isOwn)) this.odd.push(asked.text);
    this.of(asked.host).add(status, performance.now() - asked.sinceMs);
    this.#asked.delete(socket);
    this.#idle.push(socket);
    const next = this.#waiting.shift();
    if (next !== undefined) this.ask(next.host, next.sinceMs);
  }

  #lose(socket: Socket): void {
    if (this.#asked.delete(socket)) this.odd.push("a connection broke");
    this.#sockets.delete(socket);
    this.#idle = this.#idle.filter((one) => one !== socket);
  }

  /** So many a second, evenly, whatever becomes of them; waits for the answers. */
  async offer(perSecond: number, forMs: number, hostOf: (n: number) => string): Promise<void> {
    const startMs = performance.now();
    const count = Math.floor((perSecond * forMs) / 1000);
    for (let sent = 0; sent < count; ) {
      const dueMs = performance.now() - startMs;
      for (; sent < count && (sent * 1000) / perSecond <= dueMs; sent++)
        this.ask(hostOf(sent), startMs + (sent * 1000) / perSecond);
      await sleep(1);
    }
    while (!this.isDone) await sleep(5);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

const tcp = (port: number, name = `b${port}`): Backend => {
  return { kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "", name };
};

test("four times of what a worker can do: some are refused at once, others answered in time, the low ones last", async (t) => {
  const backend = createServer((_, response) => response.end("ok"));
  const entries = (port: number): TableEntry[] =>
    PRIORITIES.map((priority) => {
      const upstream = { backends: [tcp(port)], reach: "any" } as const;
      return {
        id: priority,
        host: `${priority}.example`,
        path: "/",
        upstream,
        guard: { priority },
        actions: { rewrite },
      };
    });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => void backend.closeAllConnections());
  stack.defer(() => void backend.close());
  backend.listen(0, "127.0.0.1");
  await once(backend, "listening");
  const worker = stack.use(await GatewayWorker.start(entries((backend.address() as AddressInfo).port)));
  const warm = new Clients(worker.httpPort, COSTLY_PATH);
  stack.defer(() => warm.close());
  await warm.open(32);
  const startMs = performance.now();
  // Each connection asks as soon as it is answered.
  let asked = 0;
  while (performance.now() - startMs < 3000) {
    while (warm.inFlight < 32) warm.ask(`${PRIORITIES[asked++ % 3]}.example`, performance.now());
    await new Promise(setImmediate);
  }
  const capacity = Math.floor(asked / 3);
  while (!warm.isDone) await sleep(5);
  const clients = new Clients(worker.httpPort, COSTLY_PATH);
  stack.defer(() => clients.close());
  await clients.open(CONNECTIONS);
  const hostOf = (n: number) => `${["low", "low", "normal", "normal", "high"][n % 5]}.example`;
  await clients.offer(capacity * 4, OVERLOAD_MS, hostOf);
  t.diagnostic(
    `${capacity} requests/s are what it can do; ${capacity * 4} were asked of it, p99 ${clients.late.ms(0, 0.99)} ms late`,
  );
  const shares = new Map<Priority, number>();
  for (const priority of PRIORITIES) {
    const of = clients.of(`${priority}.example`);
    shares.set(priority, of.count(200) / (of.count(200) + of.count(503)));
    t.diagnostic(
      `${priority}: ${Math.round((shares.get(priority) ?? 0) * 100)} % answered (${Math.round((of.count(200) * 1000) / OVERLOAD_MS)}/s), p50 ${of.ms(200, 0.5)} ms, p99 ${of.ms(200, 0.99)} ms; refused: p50 ${of.ms(503, 0.5)} ms, p99 ${of.ms(503, 0.99)} ms`,
    );
  }
  assert.deepEqual([...new Set([...warm.odd, ...clients.odd])].slice(0, 3), []);
  const [low = 0, normal = 0, high = 0] = PRIORITIES.map((priority) => shares.get(priority));
  assert.ok(low < normal && normal < high && high > 0.8, JSON.stringify([...shares]));
  // Without refusals the last of them would wait three times as long as all of it took.
  for (const priority of PRIORITIES) {
    const of = clients.of(`${priority}.example`);
    assert.ok(Math.max(of.ms(200, 0.99), of.ms(503, 0.99)) < OVERLOAD_MS / 2, priority);
  }
  const after = new Clients(worker.httpPort, COSTLY_PATH);
  stack.defer(() => after.close());
  await after.open(32);
  for (let tries = 0; ; tries++) {
    assert.ok(tries < 20, "all are answered again");
    const before = after.of("low.example").count(503);
    await after.offer(capacity / 4, 1000, () => "low.example");
    if (after.of("low.example").count(503) > before) continue;
    t.diagnostic(`with a quarter of it all low ones are answered, from second ${tries + 1} on`);
    break;
  }
});

test("one replica of three pauses in one of ten requests: with hedging the slowest are fast, for a few more requests", async (t) => {
  const REQUESTS = 3000;
  const PAUSE_MS = 300;
  let seen = 0;
  const servers: Server[] = [];
  await using stack = new AsyncDisposableStack();
  for (const name of ["a", "b", "c"]) {
    let count = 0;
    const server = createServer((_, response) => {
      seen++;
      if (name === "c" && count++ % 10 === 0) setTimeout(() => response.end(name), PAUSE_MS);
      else response.end(name);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    servers.push(server);
    stack.defer(() => void server.closeAllConnections());
    stack.defer(() => void server.close());
  }
  const upstream = {
    ...{ id: "u", reach: "any" as const },
    backends: servers.map((server, at) => tcp((server.address() as AddressInfo).port, "abc"[at])),
  };
  const hedges: Readonly<Record<string, RouteHedge | undefined>> = { plain: undefined, hedged: { after: "p95" } };
  const entries = Object.entries(hedges).map(([id, hedge]): TableEntry => {
    return { id, host: `${id}.example`, path: "/", upstream, ...(hedge && { hedge }) };
  });
  const worker = stack.use(await GatewayWorker.start(entries));
  const p99 = new Map<string, number>();
  for (const id of Object.keys(hedges)) {
    const clients = new Clients(worker.httpPort);
    stack.defer(() => clients.close());
    await clients.open(200);
    // What is usual must be known.
    await clients.offer(200, 2500, () => `${id}.example`);
    clients.answers.clear();
    seen = 0;
    await clients.offer(400, REQUESTS * 2.5, () => `${id}.example`);
    const of = clients.of(`${id}.example`);
    const more = ((seen - REQUESTS) * 100) / REQUESTS;
    p99.set(id, of.ms(200, 0.99));
    t.diagnostic(
      `${id}: p50 ${of.ms(200, 0.5)} ms, p95 ${of.ms(200, 0.95)} ms, p99 ${of.ms(200, 0.99)} ms, p99.9 ${of.ms(200, 0.999)} ms; ${more.toFixed(2)} % more requests`,
    );
    assert.deepEqual(clients.odd, []);
    // What was saved before may be spent too.
    assert.ok(seen - REQUESTS <= (REQUESTS + 500) * 0.05, `${seen} for ${REQUESTS}`);
  }
  assert.ok((p99.get("plain") ?? 0) >= PAUSE_MS && (p99.get("hedged") ?? 0) < PAUSE_MS, JSON.stringify([...p99]));
});
