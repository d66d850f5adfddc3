/** What several worker processes keep of answers: one cache for all of them. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readdir, readlink, rm } from "node:fs/promises";
import { Agent, createServer, request, type ServerResponse } from "node:http";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer as createH2Server,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TableEntry } from "@skerry/core/gateway/table.ts";
import { realClock as clock } from "@skerry/core/platform/clock.ts";
import { createCollectingLogger, createCollectingMetrics } from "@skerry/core/testing/sim-telemetry.ts";
import { Fleet } from "./fleet.ts";

interface Got {
  readonly status: string;
  readonly body: string;
}

/** So many connections that each of a few workers has some. */
const CONNECTIONS = 24;

const agents = () => Array.from({ length: CONNECTIONS }, () => new Agent({ keepAlive: true, maxSockets: 1 }));

class World implements AsyncDisposable {
  readonly fleet: Fleet;
  /** `METHOD host/path`, as the upstream saw them. */
  readonly seen: string[] = [];
  answer: (url: string, response: ServerResponse) => void = (url, response) => {
    response.setHeader("cache-control", "max-age=60");
    response.end(`${url} ${this.seen.length}`);
  };
  #agents = agents();
  readonly #upstream = createServer((asked, response) => {
    this.seen.push(`${asked.method} ${asked.headers.host}${asked.url}`);
    this.answer(asked.url ?? "", response);
  });
  readonly #directory: string;

  private constructor(directory: string, workers: number) {
    this.#directory = directory;
    const [log, metrics] = [createCollectingLogger(), createCollectingMetrics()];
    this.fleet = new Fleet({
      ...{ workers, clock, log, metrics, guarded: [], tlsMinVersion: "1.2", certificateFor: async () => undefined },
      ...{ http: ANY, https: ANY, entries: () => this.entries, cacheDirectory: this.cacheDirectory },
    });
  }

  static async start(workers: number): Promise<World> {
    const world = new World(await mkdtemp(join(tmpdir(), "skerry-fleet-cache-")), workers);
    world.#upstream.listen(0, "127.0.0.1");
    await once(world.#upstream, "listening");
    await world.fleet.start();
    return world;
  }

  get cacheDirectory(): string {
    return join(this.#directory, "cache");
  }

  get entries(): TableEntry[] {
    const { port } = this.#upstream.address() as AddressInfo;
    const backends = [{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" }] as const;
    return ["a", "b"].map((project) => {
      const of = { id: `route-${project}`, project: `project-${project}`, host: `${project}.example`, path: "/" };
      return { ...of, upstream: { backends, reach: "any" }, actions: { cache: {} } };
    });
  }

  /** On the connection of this number. */
  async ask(at: number, host: string, path: string, method = "GET", headers: object = {}): Promise<Got> {
    const { promise, resolve, reject } = Promise.withResolvers<Got>();
    const target = { host: "127.0.0.1", port: this.fleet.httpPort, agent: this.#agents[at], path, method };
    const sent = request({ ...target, headers: { host, ...headers } }, (response) => {
      let body = "";
      response.on("data", (part: Buffer) => {
        body += part.toString("latin1");
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: String(response.headers["cache-status"]), body }));
    });
    sent.on("error", reject).end();
    return promise;
  }

  /** One after another on all connections: of every worker. */
  async everywhere(host: string, path: string): Promise<Got[]> {
    const all: Got[] = [];
    for (let at = 0; at < CONNECTIONS; at++) all.push(await this.ask(at, host, path));
    return all;
  }

  reconnect(): void {
    for (const agent of this.#agents) agent.destroy();
    this.#agents = agents();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#agents) agent.destroy();
    await this.fleet[Symbol.asyncDispose]();
    this.#upstream.closeAllConnections();
    this.#upstream.close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

const ANY = { host: "127.0.0.1", port: 0 };

test("a visitor of one project who changes thousands of paths at once empties no cache of another", async () => {
  await using world = await World.start(2);
  // A backend of his own may answer all in one moment.
  const held: ServerHttp2Stream[] = [];
  let timer: NodeJS.Timeout | undefined;
  const his = createH2Server({ settings: { maxConcurrentStreams: 10_000 } }).listen(0, "127.0.0.1");
  his.on("stream", (stream) => {
    stream.on("error", () => undefined);
    held.push(stream as ServerHttp2Stream);
    clearTimeout(timer);
    timer = setTimeout(() => {
      for (const one of held.splice(0)) one.respond({ ":status": 200 }, { endStream: true });
    }, 300);
  });
  await once(his, "listening");
  const to = { kind: "tcp", host: "127.0.0.1", port: (his.address() as AddressInfo).port, basePath: "" } as const;
  const [a, b] = world.entries as [TableEntry, TableEntry];
  const upstream = { backends: [{ ...to, tls: false, protocol: "h2" }], reach: "any" } as const;
  world.fleet.publish({ put: [{ ...a, upstream }, b], putL4: [], remove: [] });
  await world.fleet.activated();
  await world.everywhere("b.example", "/kept");
  await world.everywhere("b.example", "/kept");
  const before = world.seen.filter((one) => one === "GET b.example/kept").length;
  const clients: ClientHttp2Session[] = [];
  for (let n = 0; n < 24; n++) clients.push(connect(`http://127.0.0.1:${world.fleet.httpPort}`));
  await Promise.all(
    Array.from({ length: CHANGES }, async (_, at) => {
      const stream = clients[at % clients.length]?.request({
        ...{ ":method": "PUT", ":path": `/${at}`, ":authority": "a.example" },
      }) as ClientHttp2Stream;
      stream.resume().end();
      await once(stream, "close");
    }),
  );
  for (const client of clients) client.destroy();
  his.close();
  await clock.sleep(200);
  // It may still be refusing some for the moment.
  while ((await world.everywhere("b.example", "/none")).some(({ status }) => status === "undefined"))
    await clock.sleep(20);
  for (const { status } of await world.everywhere("b.example", "/kept")) match(status, /hit/);
  equal(world.seen.filter((one) => one === "GET b.example/kept").length, before);
});

const CHANGES = 2400;

test("what one worker has got, all give: two requests that reach two workers are one to the upstream", async () => {
  await using world = await World.start(3);
  const all = await world.everywhere("a.example", "/x?1");
  deepEqual(world.seen, ["GET a.example/x?1"]);
  for (const { status } of all.slice(1)) match(status, /^skerry; hit/);
  deepEqual(new Set(all.map(({ body }) => body)), new Set(["/x?1 1"]));
  // The same at once: those of other workers wait for the first.
  world.answer = (url, response) => {
    response.setHeader("cache-control", "max-age=60");
    setTimeout(() => response.end(`${url} ${"x".repeat(100_000)}`), 100);
  };
  const asked = Array.from({ length: CONNECTIONS }, (_, at) => world.ask(at, "a.example", "/y"));
  for (const { body } of await Promise.all(asked)) equal(body.length, 100_003);
  equal(world.seen.length, 2);
});

test("what has been changed through one worker no worker gives any more, once the client has heard of it", async () => {
  await using world = await World.start(3);
  for (let round = 0; round < 5; round++) {
    await world.everywhere("a.example", "/x");
    await world.ask(round, "a.example", "/x", "PUT");
    const [{ body }] = (await world.everywhere("a.example", "/x")) as [Got];
    equal(body, `/x ${world.seen.length}`, "asked for anew");
    for (const got of await world.everywhere("a.example", "/x")) equal(got.body, body);
  }
  equal(world.seen.length, 11);
});

test("a worker that is killed leaves what it has got; who waits for what it asks for asks itself", async () => {
  await using world = await World.start(2);
  await world.everywhere("a.example", "/x");
  world.answer = () => undefined;
  const asked = Promise.allSettled(Array.from({ length: CONNECTIONS }, (_, at) => world.ask(at, "a.example", "/late")));
  while (world.seen.length < 2) await clock.sleep(5);
  await clock.sleep(100);
  equal(world.seen.length, 2, "all wait for the first");
  world.answer = (_, response) => {
    response.setHeader("cache-control", "max-age=60");
    response.end("late");
  };
  const [lock = ""] = await readdir(join(world.cacheDirectory, "locks"));
  const holder = Number((await readlink(join(world.cacheDirectory, "locks", lock))).split(" ")[0]);
  process.kill(holder, "SIGKILL");
  const answered = (await asked).flatMap((one) => (one.status === "fulfilled" ? [one.value.body] : []));
  ok(answered.length > 0 && answered.length < CONNECTIONS);
  deepEqual(new Set(answered), new Set(["late"]));
  equal(world.seen.length, 3, "one of the other worker's has asked for all of them");
  while (world.fleet.problems().some((one) => one.includes("workers serve"))) await clock.sleep(20);
  world.reconnect();
  for (const path of ["/x", "/late"]) {
    for (const { status } of await world.everywhere("a.example", path)) match(status, /^skerry; hit/);
  }
  equal(world.seen.length, 3);
});
