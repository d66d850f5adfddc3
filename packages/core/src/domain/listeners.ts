/**
 * Places of routes below HTTP: a port, or a name in a TLS handshake, instead of host and path. Plain rules without I/O.
 */
import { isIP } from "node:net";
import { SkerryError } from "./errors.ts";
import { canonicalHost } from "./gateway.ts";
import { LIMITS } from "./limits.ts";
import { isName, NAME_RULE } from "./resource.ts";

export const LISTENER_PROTOCOLS = ["tcp", "udp", "tls", "ssh"] as const;
export type ListenerProtocol = (typeof LISTENER_PROTOCOLS)[number];

/** Where a route below HTTP begins. */
export interface Listener {
  readonly protocol: ListenerProtocol;
  /** Of `tls` alone: the name in the handshake, canonical; else empty. */
  readonly host: string;
  /** 0, of `tls` alone: the gateway's HTTPS port. */
  readonly port: number;
}

/** Where it leads. `udp` is what is spoken there; a container takes what comes. */
export type ListenerTarget =
  | { readonly kind: "container"; readonly name: string; readonly port: number }
  | { readonly kind: "address"; readonly protocol: "tcp" | "udp"; readonly host: string; readonly port: number };

/** `tcp://:PORT`, `udp://:PORT`, `ssh://:PORT`, `tls://HOST` or `tls://HOST:PORT`. @throws `invalid`. */
export function parseListener(text: string): Listener {
  const [, scheme = "", host = "", portText] = /^([a-z]+):\/\/([^:/?#@[\]]*)(?::(\d{1,5}))?\/?$/i.exec(text) ?? [];
  const protocol = LISTENER_PROTOCOLS.find((known) => known === scheme.toLowerCase());
  const web = /^https?:\/\/([^/:]+)/i.exec(text)?.[1];
  if (web !== undefined)
    throw refused(text, "hosts are said without http://", `Say ${web}: it answers over HTTP and HTTPS.`);
  if (protocol === undefined) throw refused(text, "it is none of the four kinds");
  const port = portText === undefined ? 0 : Number(portText);
  if (portText !== undefined && (port < 1 || port > 65_535)) throw refused(text, "a port is 1 to 65535");
  if (protocol !== "tls") {
    if (host !== "") throw refused(text, `${protocol} has no name that could be told from another: leave out the host`);
    if (port === 0) throw refused(text, "the port is missing");
    return { protocol, host: "", port };
  }
  if (host === "") throw refused(text, "the name is missing that clients ask for in the handshake");
  const name = canonicalHost(host);
  if (isIP(name) !== 0) throw refused(text, "no handshake asks for an address");
  return { protocol, host: name, port };
}

/** What `parseListener` reads, in one spelling. */
export function formatListener({ protocol, host, port }: Listener): string {
  return `${protocol}://${host}${port === 0 ? "" : `:${port}`}`;
}

/** A name for a route that was given none: `tcp-5432`, `tls-db-example-com`. */
export function listenerRouteName({ protocol, host, port }: Listener): string {
  const words = `${protocol}-${host.replace(/^\*/, "any")}${port === 0 ? "" : `-${port}`}`;
  return words
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, LIMITS.name.maxLength)
    .replace(/-+$/, "");
}

/** The port that it takes in the cloud: `tcp/5432`. Undefined: the gateway's own. */
export function portOfListener({ protocol, port }: Listener): string | undefined {
  return port === 0 ? undefined : `${protocol === "udp" ? "udp" : "tcp"}/${port}`;
}

/** `container/NAME:PORT`, `tcp://HOST:PORT`, or `udp://HOST:PORT` for a `udp` listener. @throws `invalid`. */
export function parseListenerTarget(text: string, listener: ListenerProtocol): ListenerTarget {
  const wanted = listener === "udp" ? "udp" : "tcp";
  const refuse = (why: string) => {
    return new SkerryError("invalid", `${JSON.stringify(text)} is not a target of a ${listener} route: ${why}.`, {
      hint: `Like ${wanted}://10.0.0.7:5432 or container/db:5432.`,
      details: { field: "to" },
    });
  };
  const container = /^container\/([^:/]+):(\d{1,5})$/.exec(text);
  const [, scheme = "", bracketed, plain, portText] =
    /^([a-z]+):\/\/(?:\[([^\]]*)\]|([^:/?#@[\]]+))(?::(\d{1,5}))?\/?$/i.exec(text) ?? [];
  const port = Number(container?.[2] ?? portText ?? 0);
  if (container === null && scheme.toLowerCase() !== wanted) {
    throw refuse(
      /^(https?:|bucket\/)/i.test(text) ? "that answers HTTP, to requests" : `it is no ${wanted}:// address`,
    );
  }
  if (port < 1 || port > 65_535) throw refuse("a port is 1 to 65535, and it must be said");
  if (container !== null) {
    const name = container[1] ?? "";
    if (!isName(name)) throw refuse(`a name is ${NAME_RULE}`);
    return { kind: "container", name, port };
  }
  const host = bracketed ?? canonicalAddress(plain ?? "", refuse);
  if (bracketed !== undefined && (isIP(bracketed) !== 6 || bracketed.includes("%")))
    throw refuse("what is in brackets is no IPv6 address");
  return { kind: "address", protocol: wanted, host: host.toLowerCase(), port };
}

/** What `parseListenerTarget` reads, in one spelling. */
export function formatListenerTarget(target: ListenerTarget): string {
  if (target.kind === "container") return `container/${target.name}:${target.port}`;
  const { protocol, host, port } = target;
  return `${protocol}://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

function canonicalAddress(host: string, refuse: (why: string) => SkerryError): string {
  // Numbers that some resolvers read as an address (127.1, 0x7f000001) are not written so.
  if (isIP(host) === 4) return host;
  if (host.startsWith("*.")) throw refuse("a wildcard is no host");
  const name = canonicalHost(host);
  if (isIP(name) !== 0 || /(^|\.)(\d+|0x[0-9a-f]*)$/i.test(name)) throw refuse("its host is no name and no address");
  return name;
}

const PLACES_HINT = "Like tcp://:5432, udp://:5353, ssh://:9000, tls://db.example.com or tls://db.example.com:9000.";

function refused(text: string, why: string, hint = PLACES_HINT): SkerryError {
  return new SkerryError("invalid", `${JSON.stringify(text)} is not a place for a route: ${why}.`, {
    hint,
    details: { field: "listen" },
  });
}
