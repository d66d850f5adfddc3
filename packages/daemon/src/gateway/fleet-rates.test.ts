/** Rates over all workers of a node: real processes, and clients on many connections that ask for more than is given. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { createConnection, createServer, type Server } from "node:net";
import { after, before, test } from "node:test";
import type { TableEntry } from "@skerry/core/gateway/table.ts";
import { realClock as clock } from "@skerry/core/platform/clock.ts";
import { createCollectingLogger, createCollectingMetrics } from "@skerry/core/testing/sim-telemetry.ts";
import { Fleet } from "./fleet.ts";

const CLIENTS = 24;
const RATE = 200;
const BURST = 100;
const LASTS_MS = 2000;
/** Each client asks so often that all together ask for twice of what is given. */
const PAUSE_MS = (1000 * CLIENTS) / (2.5 * RATE);
const ANY = { host: "127.0.0.1", port: 0 };
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

let upstream: Server;
before(async () => {
  upstream = createServer((socket) => socket.on("data", () => socket.write(OK)).on("error", () => undefined));
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
});
after(() => void upstream.close());

function entry(by: string): TableEntry {
  const { port } = upstream.address() as AddressInfo;
  const backends = [{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" }] as const;
  const guard = { limits: { rate: [{ by, requests: RATE, per: "1s", burst: BURST }] } };
  return { id: by, host: "app.example", path: "/", upstream: { backends, reach: "any" }, guard };
}

class Client {
  readonly #socket: Socket;
  admitted = 0;
  refused = 0;
  #text = "";

  constructor(port: number) {
    this.#socket = createConnection({ host: "127.0.0.1", port, noDelay: true });
    this.#socket.on("data", (bytes: Buffer) => {
      this.#text += bytes.toString("latin1");
    });
  }

  async ask(): Promise<void> {
    this.#text = "";
    this.#socket.write("GET / HTTP/1.1\r\nHost: app.example\r\n\r\n");
    while (!/\r\n\r\n(ok|\{.*\n)$/s.test(this.#text)) await once(this.#socket, "data");
    if (this.#text.startsWith("HTTP/1.1 200")) this.admitted++;
    else if (this.#text.startsWith("HTTP/1.1 429")) this.refused++;
    else assert.fail(this.#text.slice(0, 80));
  }

  close(): void {
    this.#socket.destroy();
  }
}

test("twice of what a rate takes, over three workers: as much as the bucket is admitted", async () => {
  const options = { clock, log: createCollectingLogger(), metrics: createCollectingMetrics(), guarded: [] };
  await using fleet = new Fleet({
    ...{ ...options, tlsMinVersion: "1.2", entries: () => [entry("ip")], certificateFor: async () => undefined },
    ...{ workers: 3, http: ANY, https: ANY },
  });
  await fleet.start();
  const clients = Array.from({ length: CLIENTS }, () => new Client(fleet.httpPort));
  const startMs = clock.monotonicMs();
  await Promise.all(
    clients.map(async (client) => {
      while (clock.monotonicMs() - startMs < LASTS_MS) {
        await client.ask();
        await clock.sleep(PAUSE_MS);
      }
    }),
  );
  const tookMs = clock.monotonicMs() - startMs;
  const admitted = clients.reduce((sum, client) => sum + client.admitted, 0);
  const refused = clients.reduce((sum, client) => sum + client.refused, 0);
  for (const client of clients) client.close();
  const bucket = BURST + (RATE * tookMs) / 1000;
  const offered = admitted + refused;
  assert.ok(refused > 0, `${offered} were asked for, of ${bucket}`);
  assert.ok(admitted <= bucket * 1.05, `${admitted} of ${offered} were admitted, more than the bucket of ${bucket}`);
  // What was not asked for cannot be given: a machine that is busy asks for less.
  const least = Math.min(bucket, 0.95 * offered);
  assert.ok(admitted >= least * 0.95, `${admitted} of ${offered} were admitted, less than the bucket of ${bucket}`);
});
