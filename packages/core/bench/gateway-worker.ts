/** One worker of the gateway for the benchmark: `gateway-worker.ts PORT UPSTREAM_PORT [TLS_PORT]`. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { LIMITS } from "../src/domain/limits.ts";
import { createProxy } from "../src/gateway/proxy/proxy.ts";
import { compileTable } from "../src/gateway/routing/route-table.ts";
import type { TableEntry } from "../src/gateway/table.ts";
import { CERTIFICATE, KEY } from "./gateway-peers.ts";

const [port = 0, upstreamPort = 0, tlsPort] = process.argv.slice(2).map(Number);
const proxy = createProxy({
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  random: { bytes: (count) => randomBytes(count), fraction: Math.random },
  limits: LIMITS.proxy,
  isOwnAddress: () => false,
  onRequest: () => undefined,
});
const upstream = {
  backends: [{ kind: "tcp", host: "127.0.0.1", port: upstreamPort, tls: false, basePath: "" }],
  reach: "any",
} as const;
/** As many as a busy cloud has, so that the table is not a toy. */
const others: TableEntry[] = Array.from({ length: 1000 }, (_, i) => ({
  ...{ id: `other-${i}`, host: `app-${i}.example`, path: i % 2 === 0 ? "/" : "/api", upstream },
}));
proxy.setTable(compileTable([...others, { id: "bench", host: "127.0.0.1", path: "/", upstream }]));
createServer({ allowHalfOpen: true, noDelay: true }, (socket) => proxy.accept(socket, false)).listen(port, "127.0.0.1");
if (tlsPort !== undefined) {
  const tls = { cert: readFileSync(CERTIFICATE), key: readFileSync(KEY), minVersion: "TLSv1.3" } as const;
  const options = { ...tls, allowHalfOpen: true, noDelay: true, ALPNProtocols: ["http/1.1"] };
  createTlsServer(options, (socket) => proxy.accept(socket, true)).listen(tlsPort, "127.0.0.1");
}
// Ends properly, so that --cpu-prof can write.
process.once("SIGTERM", () => process.exit(0));
