/** Opens connections to upstreams: resolves, checks every address, connects to one that was checked. */
import { createConnection, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { isGuardedAddress } from "../../domain/addresses.ts";
import { SkerryError } from "../../domain/errors.ts";
import type { Backend } from "../table.ts";
import type { Context, ProxyOptions } from "./context.ts";
import { keepSession, upstreamTlsOptions } from "./upstream-tls.ts";

export type Reach = "any" | "restricted";
type TcpBackend = Extract<Backend, { kind: "tcp" }>;

/** Addresses of a backend in the order in which they are tried. `forbidden/upstream`, `unavailable/upstream`. */
export async function addressesOf(backend: Backend, reach: Reach, context: Context): Promise<readonly string[]> {
  const { names, options } = context;
  if (backend.kind === "unix") return [backend.path];
  const host = backend.host.replace(/^\[(.*)\]$/, "$1");
  const found = isIP(host) > 0 ? [host] : await names.find(host);
  const allowed = reach === "any" ? found : found.filter((address) => !isGuardedAddress(address, options.isOwnAddress));
  if (allowed.length > 0) return allowed.slice(0, options.limits.maxAddresses);
  throw new SkerryError("forbidden/upstream", "The route leads to an address that its project may not reach.", {
    hint: "Point the route elsewhere, or ask an admin, who has gateway.upstreams:any.",
  });
}

/** The socket, not yet connected. `address` comes from `addressesOf`: nothing is resolved again. */
export function openSocket(backend: Backend, address: string, options: ProxyOptions, alpn: readonly string[]): Socket {
  if (backend.kind === "unix") return createConnection({ path: address, allowHalfOpen: true });
  const { port } = backend;
  if (!backend.tls) return createConnection({ host: address, port, allowHalfOpen: true, noDelay: true });
  return openTls(backend, address, options, alpn);
}

function openTls(backend: TcpBackend, address: string, options: ProxyOptions, alpn: readonly string[]): Socket {
  const socket = connectTls({ host: address, port: backend.port, ...upstreamTlsOptions(backend, options, alpn) });
  keepSession(backend, socket, options);
  socket.setNoDelay(true);
  return socket;
}

/** How the log names a backend. */
export function nameOf(backend: Backend): string {
  return backend.kind === "unix" ? `unix:${backend.path}` : `${backend.host}:${backend.port}`;
}
