/**
 * A gateway worker: a process that holds the compiled routing table, listeners and connections, and nothing else. It ends
 * when its control pipe closes, so that a daemon that was killed leaves no port taken.
 */
import { BlockList, createServer, isIP, type Server, type Socket } from "node:net";
import { createSecureContext, createServer as createTlsServer, type SecureContext } from "node:tls";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { FromWorker, HostPort, ToWorker } from "@skerry/core/gateway/control.ts";
import { createProxy } from "@skerry/core/gateway/proxy/proxy.ts";
import type { RequestRecord } from "@skerry/core/gateway/proxy/records.ts";
import { compileTable, type RouteTable } from "@skerry/core/gateway/routing/route-table.ts";
import { createOwnAddresses } from "@skerry/core/platform/own-addresses.ts";
import { realRandom as random } from "@skerry/core/platform/random.ts";

type Start = Extract<ToWorker, { type: "start" }>;

function tell(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}

/** Certificates by the name that a handshake gives, asked of the daemon once each. */
class Certificates {
  readonly #contexts = new Map<string, { context: SecureContext; madeMs: number }>();
  readonly #waiting = new Map<string, ((context: SecureContext | undefined) => void)[]>();

  find(host: string): Promise<SecureContext | undefined> {
    const kept = this.#contexts.get(host);
    if (kept !== undefined && performance.now() - kept.madeMs < LIMITS.gateway.renewCertificateMs) {
      return Promise.resolve(kept.context);
    }
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(host);
      if (waiting !== undefined) {
        waiting.push(resolve);
        return;
      }
      if (this.#waiting.size >= LIMITS.gateway.maxWaitingCertificates) return resolve(undefined);
      this.#waiting.set(host, [resolve]);
      tell({ type: "certificate", host });
    });
  }

  take({ host, certificate }: Extract<ToWorker, { type: "certificate" }>): void {
    const waiting = this.#waiting.get(host) ?? [];
    this.#waiting.delete(host);
    const context =
      certificate === undefined
        ? undefined
        : createSecureContext({ cert: certificate.certificate, key: certificate.key, minVersion: "TLSv1.2" });
    if (context !== undefined) {
      this.#contexts.delete(host);
      this.#contexts.set(host, { context, madeMs: performance.now() });
      const [oldest] = this.#contexts.keys();
      if (this.#contexts.size > LIMITS.gateway.maxCertificates && oldest !== undefined) this.#contexts.delete(oldest);
    }
    for (const resolve of waiting) resolve(context);
  }
}

const certificates = new Certificates();
const servers: Server[] = [];
let proxy: ReturnType<typeof createProxy> | undefined;
let table: RouteTable | undefined;

const guarded = new BlockList();
const ownAddresses = createOwnAddresses(() => performance.now());

function isOwnAddress(ip: string): boolean {
  return guarded.check(ip, isIP(ip) === 4 ? "ipv4" : "ipv6") || ownAddresses(ip);
}

async function start({ http, https, generation, entries, guarded: networks }: Start): Promise<void> {
  for (const network of networks) {
    const [address = "", prefix] = network.split("/");
    guarded.addSubnet(address, Number(prefix), isIP(address) === 4 ? "ipv4" : "ipv6");
  }
  table = compileTable(entries);
  const serving = createProxy({
    ...{ random, isOwnAddress, onRequest: tellFailure, limits: LIMITS.proxy },
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
  });
  serving.setTable(table);
  proxy = serving;
  const plain = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => serving.accept(socket, false));
  const secure = createTlsServer(
    {
      allowHalfOpen: true,
      noDelay: true,
      minVersion: "TLSv1.2",
      ALPNProtocols: ["http/1.1"],
      handshakeTimeout: LIMITS.gateway.handshakeMs,
      SNICallback: (host, done) => {
        certificates.find(host.toLowerCase()).then(
          (context) => (context === undefined ? done(new Error("no certificate for this name")) : done(null, context)),
          (error: unknown) => done(error as Error),
        );
      },
    },
    (socket) => serving.accept(socket, true),
  );
  // A handshake that fails is the client's affair.
  secure.on("tlsClientError", (_error, socket: Socket) => socket.destroy());
  for (const [what, server, address] of [
    ["http", plain, http],
    ["https", secure, https],
  ] as const) {
    const code = await listen(server, address);
    if (code !== undefined) return tell({ type: "failed", what, code });
    servers.push(server);
  }
  tell({ type: "listening", httpPort: portOf(plain), httpsPort: portOf(secure) });
  tell({ type: "running", generation });
  tellStats(serving);
}

/** An idle worker says nothing. */
function tellStats(serving: ReturnType<typeof createProxy>): void {
  let said = "";
  setInterval(() => {
    failuresLeft = LIMITS.gateway.failuresPerReport;
    const stats = serving.stats();
    const text = JSON.stringify(stats);
    if (text !== said) tell({ type: "stats", stats });
    said = text;
  }, LIMITS.gateway.reportMs).unref();
}

let failuresLeft: number = LIMITS.gateway.failuresPerReport;

/** What a client did wrong is its own affair; what an upstream did is told, a few at a time. */
function tellFailure(record: RequestRecord): void {
  if (record.error === undefined || record.status < 500 || failuresLeft <= 0) return;
  failuresLeft--;
  tell({ type: "failure", record });
}

function change({ generation, put, remove }: Extract<ToWorker, { type: "delta" }>): void {
  if (table === undefined) throw new Error("a change came before the start");
  table = table.with(put, remove);
  proxy?.setTable(table);
  tell({ type: "running", generation });
}

/** Each worker binds the port itself, so that the kernel spreads connections and none is lost with another worker. */
function listen(server: Server, { host, port }: HostPort): Promise<string | undefined> {
  return new Promise((resolve) => {
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, reusePort: true, backlog: LIMITS.gateway.backlog }, () => resolve(undefined));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function drain(withinMs: number): Promise<void> {
  for (const server of servers) server.close();
  await proxy?.drain(AbortSignal.timeout(withinMs));
  process.exit(0);
}

process.on("disconnect", () => process.exit(0));
// The terminal's Ctrl-C goes to all processes: the daemon decides when its workers end.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
process.on("message", (message: ToWorker) => {
  switch (message.type) {
    case "start":
      start(message).catch((error: unknown) => fail(error));
      return;
    case "delta":
      return change(message);
    case "certificate":
      return certificates.take(message);
    case "drain":
      drain(message.withinMs).catch((error: unknown) => fail(error));
  }
});

function fail(error: unknown): void {
  tell({ type: "error", text: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  process.exitCode = 1;
  process.disconnect?.();
}
