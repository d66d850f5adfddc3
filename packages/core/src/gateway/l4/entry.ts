/** What a gateway worker knows of routes below HTTP. Plain data: it crosses the control pipe as JSON. */
import type { ProxyVersion } from "../../domain/gateway.ts";
import type { ListenerProtocol } from "../../domain/listeners.ts";
import type { CompiledAccess } from "../guard/access.ts";

export interface L4Backend {
  /** Name or address, without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface L4Entry {
  /** Uid of the route. */
  readonly id: string;
  readonly protocol: ListenerProtocol;
  /** Of `tls`: the name in the handshake, or `*.` and what it is below. Else empty. */
  readonly host: string;
  /** 0, of `tls` alone: the gateway's HTTPS port. */
  readonly port: number;
  /** Taken in turn. Empty: connections are reset. */
  readonly backends: readonly L4Backend[];
  /** Why there are none, for the route's status. */
  readonly reason?: string;
  /** The backend is told who asks. */
  readonly proxyProtocol?: ProxyVersion;
  /** As of an upstream: `restricted` is checked after resolution, at each connect. */
  readonly reach: "any" | "restricted";
  /** Who may come in. Absent: everybody. */
  readonly access?: CompiledAccess;
}

/** What one route has carried in one worker, since its start. */
export interface L4Counters {
  /** Connections, or sessions of UDP, that were taken, and those that are open. */
  connections: number;
  open: number;
  /** From clients, and to them. */
  bytesIn: number;
  bytesOut: number;
  /** Those that did not reach the backend. */
  failed: number;
  /** Those that were turned away: too many were open, or their address may not come in. */
  refused: number;
}

export function emptyCounters(): L4Counters {
  return { connections: 0, open: 0, bytesIn: 0, bytesOut: 0, failed: 0, refused: 0 };
}

/** `a` and `b` together. */
export function addCounters(a: L4Counters, b: L4Counters): L4Counters {
  return {
    connections: a.connections + b.connections,
    open: a.open + b.open,
    bytesIn: a.bytesIn + b.bytesIn,
    bytesOut: a.bytesOut + b.bytesOut,
    failed: a.failed + b.failed,
    refused: a.refused + b.refused,
  };
}
