/** Which route a port, and what comes on it, belongs to. */
import { portOfListener } from "../../domain/listeners.ts";
import type { L4Entry } from "./entry.ts";

/** The routes of one TCP port. */
export interface PortRoutes {
  readonly tcp: L4Entry | undefined;
  readonly ssh: L4Entry | undefined;
  /** By the name in the handshake; `*.example.com` stands under its own name. */
  readonly tls: ReadonlyMap<string, L4Entry>;
}

const NONE: PortRoutes = { tcp: undefined, ssh: undefined, tls: new Map() };

export class L4Table {
  readonly #entries = new Map<string, L4Entry>();
  #tcp = new Map<number, PortRoutes>();
  #udp = new Map<number, L4Entry>();

  /** Ports that must be listened on, `tcp/5432`; the gateway's own are not among them. */
  get ports(): ReadonlySet<string> {
    return new Set([...this.#entries.values()].flatMap((entry) => portOfListener(entry) ?? []));
  }

  get(id: string): L4Entry | undefined {
    return this.#entries.get(id);
  }

  /** Port 0: the gateway's HTTPS port. */
  tcp(port: number): PortRoutes {
    return this.#tcp.get(port) ?? NONE;
  }

  /**
   * The route for a name in a handshake; undefined: none, or one of HTTP is nearer to it. `ownHost` is the host of the HTTP
   * routes that serve the name. An exact one wins over a wildcard, a longer wildcard over a shorter one.
   */
  static tlsRoute(routes: PortRoutes, name: string, ownHost: string | undefined): L4Entry | undefined {
    const exact = routes.tls.get(name);
    if (exact !== undefined || ownHost === name) return exact;
    for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) {
      const wildcard = `*${name.slice(dot)}`;
      const found = routes.tls.get(wildcard);
      if (found !== undefined) return found;
      if (ownHost === wildcard) return undefined;
    }
    return undefined;
  }

  udp(port: number): L4Entry | undefined {
    return this.#udp.get(port);
  }

  apply(put: readonly L4Entry[], removedIds: readonly string[]): void {
    for (const id of removedIds) this.#entries.delete(id);
    for (const entry of put) this.#entries.set(entry.id, entry);
    const tcp = new Map<number, { tcp: L4Entry | undefined; ssh: L4Entry | undefined; tls: Map<string, L4Entry> }>();
    const udp = new Map<number, L4Entry>();
    for (const entry of this.#entries.values()) {
      const { protocol, port, host } = entry;
      if (protocol === "udp") {
        udp.set(port, entry);
        continue;
      }
      const routes = tcp.get(port) ?? { tcp: undefined, ssh: undefined, tls: new Map<string, L4Entry>() };
      tcp.set(port, routes);
      if (protocol === "tls") routes.tls.set(host, entry);
      else routes[protocol] = entry;
    }
    this.#tcp = tcp;
    this.#udp = udp;
  }
}
