/** One worker of the gateway for the benchmark: `gateway-worker.ts PORT UPSTREAM_PORT`. */
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { LIMITS } from "../src/domain/limits.ts";
import { createProxy } from "../src/gateway/proxy/proxy.ts";
import { compileTable } from "../src/gateway/routing/route-table.ts";
import type { TableEntry } from "../src/gateway/table.ts";

const [port = 0, upstreamPort = 0] = process.argv.slice(2).map(Number);
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
// Ends properly, so that --cpu-prof can write.
process.once("SIGTERM", () => process.exit(0));
