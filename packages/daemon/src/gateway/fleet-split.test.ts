/** A split over all workers of a node: real processes, many connections, shares counted where requests arrive. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createConnection, createServer, type Server } from "node:net";
import { test } from "node:test";
import type { TableEntry, Upstream } from "@skerry/core/gateway/table.ts";
import { realClock as clock } from "@skerry/core/platform/clock.ts";
import { createCollectingLogger, createCollectingMetrics } from "@skerry/core/testing/sim-telemetry.ts";
import { until } from "../testing/raw-peers.ts";
import { Fleet } from "./fleet.ts";

const ANY = { host: "127.0.0.1", port: 0 };
const REQUESTS = 10_000;
const CLIENTS = 20;
const WEIGHTS = { stable: 90, next: 7, last: 3 };

async function listen(name: string): Promise<Server> {
  const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`;
  const server = createServer((socket) => {
    socket.on("error", () => undefined).on("data", () => socket.write(answer));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function to(server: Server): Upstream {
  const { port } = server.address() as AddressInfo;
  return { backends: [{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" }], reach: "any" };
}

/** Asks so often on one connection; who has answered. */
async function ask(port: number, times: number): Promise<string[]> {
  const socket = createConnection({ host: "127.0.0.1", port, noDelay: true });
  const names: string[] = [];
  for (let n = 0; n < times; n++) {
    socket.write("GET / HTTP/1.1\r\nHost: app.example\r\n\r\n");
    let text = "";
    while (!/\r\n\r\n\w+$/.test(text)) text += ((await once(socket, "data")) as [Buffer])[0].toString("latin1");
    names.push(text.slice(text.indexOf("\r\n\r\n") + 4));
  }
  socket.destroy();
  return names;
}

test("10,000 requests over three workers: each variant gets its share within 2 % of all", async () => {
  const servers = new Map<string, Server>();
  for (const name of Object.keys(WEIGHTS)) servers.set(name, await listen(name));
  try {
    const variants = Object.entries(WEIGHTS).map(([name, weight]) => {
      return { name, weight, upstream: to(servers.get(name) as Server) };
    });
    const entry: TableEntry = {
      ...{ id: "r", host: "app.example", path: "/", upstream: { backends: [], reach: "any" }, split: { variants } },
    };
    const news = new Map<object, number>();
    const options = { clock, log: createCollectingLogger(), metrics: createCollectingMetrics(), guarded: [] };
    await using fleet = new Fleet({
      ...{ ...options, tlsMinVersion: "1.2", entries: () => [entry], certificateFor: async () => undefined },
      ...{ workers: 3, http: ANY, https: ANY },
      routes: { onNews: (worker) => news.set(worker, 1), onGone: () => undefined },
    });
    await fleet.start();
    const asked = Array.from({ length: CLIENTS }, () => ask(fleet.httpPort, REQUESTS / CLIENTS));
    const names = (await Promise.all(asked)).flat();
    assert.equal(names.length, REQUESTS);
    for (const [name, percent] of Object.entries(WEIGHTS)) {
      const got = (100 * names.filter((one) => one === name).length) / REQUESTS;
      assert.ok(Math.abs(got - percent) <= 0.2, `${name} got ${got} %, not ${percent}`);
    }
    await until("more than one worker has told of it", () => news.size >= 2);
  } finally {
    for (const server of servers.values()) server.close();
  }
});
