/**
 * A gateway worker: a process that holds the compiled routing table, listeners and connections, and nothing else. It ends
 * when its control pipe closes, so that a daemon that was killed leaves no port taken.
 */
import { createServer, type Server } from "node:net";
import type { TLSSocket } from "node:tls";
import { isError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { AccessLog } from "@skerry/core/gateway/access/access-log.ts";
import type { FromWorker, HostPort, ToWorker } from "@skerry/core/gateway/control.ts";
import { NetworkLists } from "@skerry/core/gateway/guard/network-lists.ts";
import { inheritClient } from "@skerry/core/gateway/l4/announced.ts";
import { checkHandles } from "@skerry/core/gateway/l4/handle-check.ts";
import type { GuardOptions } from "@skerry/core/gateway/proxy/guarded.ts";
import { createProxy } from "@skerry/core/gateway/proxy/proxy.ts";
import type { RequestRecord } from "@skerry/core/gateway/proxy/records.ts";
import { checkSockets } from "@skerry/core/gateway/proxy/socket-check.ts";
import { compileTable, type RouteTable } from "@skerry/core/gateway/routing/route-table.ts";
import { stepTable, type TableStep } from "@skerry/core/gateway/routing/table-step.ts";
import type { TableEntry } from "@skerry/core/gateway/table.ts";
import { ByHost } from "@skerry/core/gateway/tls/by-host.ts";
import { emptyHandshakeCounts } from "@skerry/core/gateway/tls/handshake-counts.ts";
import type { Shown } from "@skerry/core/gateway/tls/peer.ts";
import { realClock as clock } from "@skerry/core/platform/clock.ts";
import { realDisk as disk } from "@skerry/core/platform/disk.ts";
import { realRandom as random } from "@skerry/core/platform/random.ts";
import { createGuard, createNetworks } from "./guarded.ts";
import { openCommonCache } from "./worker-cache.ts";
import { Certificates } from "./worker-certificates.ts";
import { WorkerL4 } from "./worker-l4.ts";
import { createHandshakes, createTlsListener } from "./worker-tls.ts";

type Start = Extract<ToWorker, { type: "start" }>;

/** Messages that have not gone into the pipe: the daemon does not read. */
let untold = 0;
/** With more of them, what can be left out is. */
const MAX_UNTOLD = 2 * LIMITS.gateway.failuresPerReport;

function tell(message: FromWorker): void {
  if (!process.connected || process.send === undefined) return;
  untold++;
  process.send(message, () => untold--);
}

const servers: Server[] = [];
let proxy: ReturnType<typeof createProxy> | undefined;
let table: RouteTable | undefined;
let l4: WorkerL4 | undefined;
let accessLog: AccessLog | undefined;
/** Networks that routes name. */
const lists = new NetworkLists();
const handshakeCounts = emptyHandshakeCounts();

let certificates: Certificates | undefined;
/** Ids of the terms under which hosts ask for certificates of clients. */
const clientTerms = new ByHost<string>();

async function start(message: Start): Promise<void> {
  const served = serve(message);
  try {
    await checkSockets();
    await checkHandles(LIMITS.l4, LIMITS.proxy, () => performance.now());
  } catch (error) {
    if (!isError(error, "unsupported")) throw error;
    return tell({
      type: "unsupported",
      id: `unsupported${error.reason === undefined ? "" : "/version"}`,
      message: error.message,
      hint: error.hint ?? "",
    });
  }
  await served();
}

/** Takes the table at once, because changes may follow; gives what listens. */
function serve(message: Start): () => Promise<void> {
  const { http, https, generation, guarded: networks, ticketSecret, tlsMinVersion } = message;
  const entries = takeStep(stepTable(compileTable([]), message.entries, []), generation);
  lists.apply(message.lists);
  for (const { id, host, clientTls } of entries) clientTerms.put(id, host, clientTls?.id);
  const log = message.accessLog && new AccessLog({ ...message.accessLog, clock, disk, random });
  log?.setRoutes(entries, []);
  accessLog = log;
  const isOwnAddress = createGuard(networks);
  const below = new WorkerL4({
    ...{ host: http.host, httpsPort: https.port, isOwnAddress, onSweep: reportSoon, tell, lists },
    onHttp: (socket) => serving.accept(socket, false),
    onTls: (socket) => secure.emit("connection", socket),
    servedAs: (name) => table?.servedAs(name),
    isAnnouncer: message.announcers.length === 0 ? undefined : createNetworks(message.announcers),
  });
  below.apply(message.l4, []);
  l4 = below;
  const serving = createProxy({
    ...{
      random,
      guards: guardsOf(message),
      isOwnAddress,
      onRequest: onEnd,
      onSweep: reportSoon,
      limits: LIMITS.proxy,
      ...(message.explainKey === undefined ? {} : { explainKey: Buffer.from(message.explainKey, "base64") }),
    },
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    ...openCommonCache(message.cache, (text) => tell({ type: "error", text })),
    httpsPort: () => (front.listening ? portOf(front) : https.port),
  });
  serving.setTable(table ?? compileTable([]), { put: entries, remove: [] });
  proxy = serving;
  const plain = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => below.acceptPlain(socket));
  const handshakes = {
    ...{ ticketSecret: Buffer.from(ticketSecret, "base64"), minVersion: tlsMinVersion, counts: handshakeCounts },
    accept: (socket: TLSSocket, shown: Shown | undefined) => {
      inheritClient(socket);
      serving.accept(socket, true, shown);
    },
  };
  certificates = new Certificates({
    nowMs: () => performance.now(),
    ask: (host) => tell({ type: "certificate", host }),
    servedAs: (name) => table?.servedAs(name),
    termsOf: (host) => clientTerms.of(host),
    serverFor: (certificate) => createHandshakes(certificate, handshakes),
  });
  const secure = createTlsListener(certificates, handshakeCounts);
  // Names that are passed on unread are found before the handshake.
  const front = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => below.acceptSecure(socket));
  front.on("connection", reportSoon);
  front.maxConnections = secure.maxConnections;
  return async () => {
    for (const [what, server, address] of [
      ["http", plain, http],
      ["https", front, https],
    ] as const) {
      const code = await listen(server, address);
      if (code !== undefined) return tell({ type: "failed", what, code });
      servers.push(server);
    }
    await below.listenOn(message.ports);
    tell({ type: "listening", httpPort: portOf(plain), httpsPort: portOf(front) });
    tell({ type: "running", generation });
  };
}

let report: NodeJS.Timeout | undefined;
let saidStats = "";
let failuresLeft: number = LIMITS.gateway.failuresPerReport;

/** A worker for which nothing happens says nothing, and does not wake up to find that out. */
function reportSoon(): void {
  if (report !== undefined) return;
  report = setTimeout(() => {
    report = undefined;
    failuresLeft = LIMITS.gateway.failuresPerReport;
    if (untold <= MAX_UNTOLD) l4?.report();
    if (untold <= MAX_UNTOLD) tellUpstreams();
    if (untold <= MAX_UNTOLD) tellRoutes();
    reportBackends();
    const stats = proxy && { ...proxy.stats(), accessLogDropped: accessLog?.dropped ?? 0, tls: handshakeCounts };
    const text = JSON.stringify(stats);
    // A daemon that does not read hears it later: sums lose nothing.
    if (stats === undefined || text === saidStats || untold > MAX_UNTOLD) return;
    saidStats = text;
    // What it takes to say so is not worth saying alone.
    const { user, system } = process.cpuUsage();
    tell({ type: "stats", stats: { ...stats, cpuSeconds: (user + system) / 1e6 } });
  }, LIMITS.gateway.reportMs);
  report.unref();
}

function tellUpstreams(): void {
  const most = LIMITS.gateway.upstreamsPerReport;
  const counters = proxy?.upstreamNews(most) ?? {};
  const count = Object.keys(counters).length;
  if (count > 0) tell({ type: "upstreams", counters });
  if (count === most) reportSoon();
}

let saidBackends = "{}";

/** While one is out, its time goes by without anything that happens. */
function reportBackends(): void {
  if (proxy === undefined || untold > MAX_UNTOLD) return;
  const conditions = proxy.conditions();
  const text = JSON.stringify(conditions);
  if (text !== "{}") reportSoon();
  if (text === saidBackends) return;
  saidBackends = text;
  tell({ type: "backends", conditions });
}

function guardsOf({ rateSecret, workers }: Start): GuardOptions {
  const shares = workers > 1 ? { onSpent: shareSoon } : {};
  return { lists, workers, rateSecret: Buffer.from(rateSecret, "base64"), ...shares };
}

let share: NodeJS.Timeout | undefined;

/** What is spent of rates counts in all workers, a moment later. What is too much by then is owed. */
function shareSoon(): void {
  share ??= setTimeout(() => {
    share = undefined;
    if (proxy === undefined) return;
    if (untold > LIMITS.guard.maxUnshared) return shareSoon();
    const { spent, hasMore } = proxy.takeSpent();
    if (spent.length > 0) tell({ type: "spent", spent });
    if (hasMore) shareSoon();
  }, LIMITS.guard.shareMs);
  share.unref();
}

function tellRoutes(): void {
  const most = LIMITS.gateway.routesPerReport;
  const news = proxy?.routeNews(most) ?? {};
  const count = Object.keys(news).length;
  if (count > 0) tell({ type: "routes", news });
  if (count === most) reportSoon();
}

function onEnd(record: RequestRecord): void {
  accessLog?.add(record);
  if (record.error !== undefined) tellFailure(record);
}

/** What a client did wrong is its own affair; what an upstream did is told, a few at a time. */
function tellFailure(record: RequestRecord): void {
  if (record.status < 500 || failuresLeft <= 0 || untold > MAX_UNTOLD) return;
  failuresLeft--;
  tell({ type: "failure", record });
}

/** Gives the entries that are in it. */
function takeStep({ table: next, put, refused }: TableStep, generation: number): readonly TableEntry[] {
  table = next;
  if (Object.keys(refused).length > 0) tell({ type: "refused", generation, routes: refused });
  return put;
}

async function change(message: Extract<ToWorker, { type: "delta" }>): Promise<void> {
  const { generation, putL4, remove, ports, forget, purge } = message;
  if (table === undefined) throw new Error("a change came before the start");
  const put = takeStep(stepTable(table, message.put, remove), generation);
  lists.apply(message.putLists ?? [], message.removeLists);
  certificates?.forget(forget ?? []);
  for (const id of remove) clientTerms.delete(id);
  for (const { id, host, clientTls } of put) clientTerms.put(id, host, clientTls?.id);
  accessLog?.setRoutes(put, remove);
  proxy?.setTable(table, { put, remove });
  if (purge !== undefined) proxy?.cache.purge(purge.route, purge.path);
  l4?.apply(putL4, remove);
  // Also those of changes before this one.
  await (ports === undefined ? l4?.settled() : l4?.listenOn(ports));
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
  const late = AbortSignal.timeout(withinMs);
  await Promise.all([proxy?.drain(late), l4?.drain(late)]);
  // A disk that hangs is not waited for.
  await Promise.race([accessLog?.close(), clock.sleep(LIMITS.gateway.accessCloseMs)]);
  process.exit(0);
}

process.on("disconnect", end);
process.on("uncaughtException", fail);
// The terminal's Ctrl-C goes to all processes: the daemon decides when its workers end.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
process.on("message", (message: ToWorker) => {
  switch (message.type) {
    case "start":
      start(message).catch((error: unknown) => fail(error));
      return;
    case "delta":
      change(message).catch((error: unknown) => fail(error));
      return;
    case "certificate":
      return certificates?.take(message.host, message.certificate);
    case "spent":
      return proxy?.applySpent(message.spent);
    case "ping":
      return tell({ type: "pong" });
    case "drain":
      drain(message.withinMs).catch((error: unknown) => fail(error));
  }
});

/**
 * Nobody is there any more. One that serves ends at once: Node's own end waits for threads, which can take for ever
 * (nodejs/node#54918), and the ports would stay taken. One that never did leaves what it has compiled.
 */
function end(): void {
  if (proxy === undefined || process.exitCode !== undefined) process.exit();
  process.kill(process.pid, "SIGKILL");
}

function fail(error: unknown): void {
  tell({ type: "error", text: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  process.exitCode = 1;
  if (process.connected) process.disconnect?.();
  else process.exit();
}
