/** Each way in which a request can fail gives a status and a reason of the table. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { GATEWAY_ERRORS, type GatewayError } from "../domain/gateway-errors.ts";
import type { UpstreamCare } from "../domain/upstream-care.ts";
import { frame, PREFACE } from "../testing/frame-corpus.ts";
import { ProxyWorld, type RawClient, until } from "../testing/proxy-world.ts";
import { headersFrame } from "./http2/frames.ts";
import { encodeField } from "./http2/hpack-encoder.ts";
import type { ProxyLimits } from "./proxy/context.ts";
import type { Guard } from "./table.ts";

const HOST = "Host: app.example\r\n";
const LAST = `${HOST}Connection: close\r\n\r\n`;
const GET = `GET / HTTP/1.1\r\n${LAST}`;

interface Failure {
  readonly what: string;
  readonly error: GatewayError;
  /** Where it is not that of the table: the answer had begun. */
  readonly status?: number;
  readonly limits?: Partial<ProxyLimits>;
  /** What the upstream sends for a request; undefined: nothing. */
  readonly upstream?: (world: ProxyWorld) => Promise<unknown>;
  readonly request?: string;
  readonly client?: (client: RawClient) => void;
}

const CONNECT_UDP = [
  [":method", "CONNECT"],
  [":protocol", "connect-udp"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "app.example"],
]
  .map(([name = "", value = ""]) => encodeField(name, value))
  .join("");

const answers = (text: string | undefined) => (world: ProxyWorld) => world.upstream(() => text);
const closedPort = async (world: ProxyWorld) => {
  const port = await world.listen(() => undefined);
  world.stopListening(port);
  world.route(port);
};

const FAILURES: readonly Failure[] = [
  { what: "no HTTP", error: "invalid", request: "HELLO\r\n\r\n" },
  {
    what: "two lengths",
    error: "invalid",
    request: `POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n${LAST}`,
  },
  { what: "an ambiguous path", error: "invalid", request: `GET /a/..%2fb HTTP/1.1\r\n${LAST}` },
  {
    what: "a bad chunk of a request",
    error: "invalid",
    request: `POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n${HOST}\r\nx\r\n`,
    upstream: answers(undefined),
  },
  { what: "CONNECT", error: "invalid/method", request: `CONNECT app.example:443 HTTP/1.1\r\n${LAST}` },
  { what: "a long target", error: "invalid/target", request: `GET /${"x".repeat(9000)} HTTP/1.1\r\n${LAST}` },
  { what: "many headers", error: "invalid/headers", request: `GET / HTTP/1.1\r\n${"X: 1\r\n".repeat(200)}${LAST}` },
  {
    what: "a body beyond the route's limit",
    error: "invalid/too-large",
    request: `POST / HTTP/1.1\r\nContent-Length: 9\r\n${LAST}too large`,
    upstream: (world) => guarded(world, { limits: { maxBodyBytes: 8 } }),
  },
  { what: "TLS for another host", error: "invalid/misdirected", upstream: (world) => known(world, true) },
  { what: "no certificate", error: "forbidden/client-certificate", upstream: (world) => known(world, false) },
  { what: "an address that is blocked", error: "forbidden/address", upstream: blocked },
  { what: "an address that is guarded", error: "forbidden/upstream", upstream: restricted },
  { what: "no route", error: "not_found/route", request: "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n" },
  { what: "more than a rate takes", error: "exhausted/rate", upstream: rated },
  { what: "too many in flight", error: "exhausted/overload", limits: { maxInFlight: 0 }, upstream: answers("") },
  {
    what: "too many for one upstream",
    error: "exhausted/overload",
    limits: { maxUpstreamConnections: 0, maxWaiting: 0 },
    upstream: answers(""),
  },
  { what: "no backend", error: "unavailable/upstream", upstream: async (world) => world.routeTo([]) },
  { what: "a route to itself", error: "unavailable/upstream", upstream: async (world) => world.route(world.port) },
  { what: "a closed port", error: "unavailable/upstream", upstream: closedPort },
  { what: "no TLS where some is due", error: "unavailable/upstream-tls", upstream: noTls },
  { what: "an answer that is not HTTP", error: "unavailable/upstream", upstream: answers("220 mail\r\n\r\n") },
  {
    what: "an answer without an end",
    error: "unavailable/upstream",
    status: 200,
    upstream: (world) =>
      world.upstream((_, socket) => {
        socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort");
        return undefined;
      }),
  },
  {
    what: "an upstream that hangs up",
    error: "unavailable/upstream",
    upstream: (world) =>
      world.upstream((_, socket) => {
        socket.destroy();
        return undefined;
      }),
  },
  {
    what: "no connection in time",
    error: "unavailable/connect-timeout",
    limits: { connectionMs: 20, maxUpstreamConnections: 0 },
    upstream: answers(""),
  },
  {
    what: "no answer in time",
    error: "unavailable/head-timeout",
    limits: { upstreamHeadMs: 20 },
    upstream: answers(undefined),
  },
  {
    what: "a body that stands still",
    error: "unavailable/body-timeout",
    status: 200,
    limits: { upstreamBodyIdleMs: 20 },
    upstream: answers("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"),
  },
  {
    what: "backends that have failed, one and all",
    error: "unavailable/breaker",
    upstream: (world) => failing(world, { breaker: { failures: 1 } }),
  },
  {
    what: "backends that fail their checks",
    error: "unavailable/unhealthy",
    upstream: (world) => failing(world, { health: { intervalMs: 20 } }),
  },
  {
    what: "no whole answer in the time that the route gives",
    error: "unavailable/total-timeout",
    upstream: async (world) => {
      const port = await world.listen(() => undefined);
      world.route(port);
      world.routeTo(
        [{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" }],
        {},
        { timeouts: { totalMs: 30 } },
      );
    },
  },
  {
    what: "a tunnel in which nothing goes",
    error: "unavailable/timeout",
    status: 101,
    limits: { tunnelIdleMs: 20 },
    request: `GET / HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    upstream: answers("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
  },
  {
    what: "a tunnel for another protocol than WebSocket",
    error: "unsupported",
    request: `${PREFACE}${frame(4, 0, 0, "")}${headersFrame(1, CONNECT_UDP, false)}`,
  },
  {
    what: "a client that goes away",
    error: "aborted",
    upstream: answers(undefined),
    client: (client) => client.socket.resetAndDestroy(),
  },
  {
    what: "a client whose body stands still",
    error: "invalid/timeout",
    limits: { clientBodyIdleMs: 20 },
    request: `POST / HTTP/1.1\r\nContent-Length: 9\r\n${HOST}\r\nshort`,
    upstream: answers(undefined),
  },
];

async function noTls(world: ProxyWorld): Promise<void> {
  const port = await world.listen((socket) => void socket.end("220 mail\r\n"));
  world.routeTo([{ kind: "tcp", host: "127.0.0.1", port, tls: true, basePath: "" }]);
}

/** Until nobody is left. */
async function failing(world: ProxyWorld, care: UpstreamCare): Promise<void> {
  const port = await world.listen(() => undefined);
  world.stopListening(port);
  const backends = [{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "", name: "b" }] as const;
  world.routeTo(backends, { id: "upstream", care });
  const asking = care.health === undefined ? world.exchange(GET) : undefined;
  await until(() => Object.keys(world.proxy.conditions()).length > 0, "it is found");
  await asking;
  world.records.length = 0;
}

async function restricted(world: ProxyWorld): Promise<void> {
  const port = await world.listen(() => undefined);
  world.routeTo([{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" }], { reach: "restricted" });
}

async function rated(world: ProxyWorld): Promise<void> {
  await guarded(world, { limits: { rate: [{ by: "route", requests: 1, per: "1h" }] } });
  match(await world.exchange(GET), /^HTTP\/1\.1 502 /);
  world.records.length = 0;
}

function blocked(world: ProxyWorld): Promise<void> {
  return guarded(world, { access: { block: { networks: ["127.0.0.0/8"], lists: [] } } });
}

async function guarded(world: ProxyWorld, guard: Guard): Promise<void> {
  const upstream = { backends: [], reach: "any" } as const;
  world.setEntries([{ id: "guarded", host: "app.example", path: "/", upstream, guard }]);
}

/** A route that wants a certificate; `tls`: connections are taken for ones after a handshake that asked for none. */
async function known(world: ProxyWorld, tls: boolean): Promise<void> {
  const clientTls = { id: "terms", mode: "require" } as const;
  const upstream = { backends: [], reach: "any" } as const;
  world.setEntries([{ id: "known", host: "app.example", path: "/", upstream, clientTls }]);
  world.port = await world.listen((socket) => world.proxy.accept(socket, tls));
}

for (const { what, error, status, limits, upstream, request = GET, client } of FAILURES) {
  test(`${what}: ${error}`, async () => {
    await using world = await ProxyWorld.start(limits);
    await upstream?.(world);
    const connection = await world.connect();
    connection.write(request);
    if (client !== undefined) {
      await until(() => world.proxy.stats().inFlight > 0, "it is in flight");
      client(connection);
    }
    await until(() => world.records.length > 0, "a record");
    // A route to itself has a record for each time that it came; the first is the last that was told of.
    const told = world.records.map((record) => `${record.status} ${record.error}`);
    equal(told[0], `${status ?? GATEWAY_ERRORS[error].status} ${error}`);
  });
}

test("no reason of the table is without a way to it, and the documentation has them all", () => {
  const ways = new Set<string>(FAILURES.map(({ error }) => error));
  deepEqual([...ways].toSorted(), Object.keys(GATEWAY_ERRORS).toSorted());
  const page = readFileSync(join(import.meta.dirname, "../../../../docs/operations.md"), "utf8");
  for (const [error, { status, means }] of Object.entries(GATEWAY_ERRORS)) {
    const row = `| \`${error}\` | ${status === 0 ? "none" : status} | ${means} |`;
    ok(page.includes(row), `docs/operations.md lacks the row\n${row}`);
  }
});
