/**
 * The PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt): a head before a connection's first byte that says
 * who the client is. Read strictly: who sends it is trusted to say it, not to confuse.
 */
import { isIPv4, isIPv6 } from "node:net";
import type { ProxyVersion } from "../../domain/gateway.ts";

export interface Peer {
  /** IPv4 or IPv6, without a zone. */
  readonly address: string;
  readonly port: number;
}

export type ProxyHeader =
  /** It goes on. */
  | "more"
  | "broken"
  /** So many bytes; without a client the connection speaks for itself (a health check). */
  | { readonly bytes: number; readonly client: Peer | undefined };

const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const V2_HEAD_BYTES = SIGNATURE.length + 4;
const V1_START = Buffer.from("PROXY ");
/** As the specification bounds it, with the line's end. */
const MAX_V1_BYTES = 107;
const LOCAL = 0x20;
const PROXY = 0x21;
const UNSPECIFIED = 0x00;
const TCP4 = 0x11;
const TCP6 = 0x21;
const UNIX = 0x31;
const ADDRESS_BYTES: Readonly<Record<number, number>> = { [UNSPECIFIED]: 0, [TCP4]: 12, [TCP6]: 36, [UNIX]: 216 };
const NUMBER = /^(0|[1-9]\d{0,4})$/;

/** `bytes`: all that has come so far. `maxBytes` bounds version 2. */
export function readProxyHeader(bytes: Buffer, maxBytes: number): ProxyHeader {
  if (bytes.length === 0) return "more";
  if (bytes[0] === SIGNATURE[0]) return readV2(bytes, maxBytes);
  return readV1(bytes);
}

function readV1(bytes: Buffer): ProxyHeader {
  const begun = Math.min(bytes.length, V1_START.length);
  if (bytes.compare(V1_START, 0, begun, 0, begun) !== 0) return "broken";
  const end = bytes.indexOf("\n");
  if (end < 0) return bytes.length < MAX_V1_BYTES ? "more" : "broken";
  if (end >= MAX_V1_BYTES || bytes[end - 1] !== 0x0d) return "broken";
  const line = bytes.toString("latin1", V1_START.length, end - 1);
  if (/[^\x20-\x7e]/.test(line)) return "broken";
  if (line === "UNKNOWN" || line.startsWith("UNKNOWN ")) return { bytes: end + 1, client: undefined };
  const [family, from = "", to = "", fromPort = "", toPort = "", ...more] = line.split(" ");
  const isAddress = family === "TCP4" ? isIPv4 : family === "TCP6" ? isPlainIPv6 : () => false;
  if (!isAddress(from) || !isAddress(to) || more.length > 0) return "broken";
  if (!NUMBER.test(fromPort) || !NUMBER.test(toPort)) return "broken";
  if (Number(fromPort) > 65_535 || Number(toPort) > 65_535) return "broken";
  return { bytes: end + 1, client: { address: from.toLowerCase(), port: Number(fromPort) } };
}

function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes("%");
}

function readV2(bytes: Buffer, maxBytes: number): ProxyHeader {
  const begun = Math.min(bytes.length, SIGNATURE.length);
  if (bytes.compare(SIGNATURE, 0, begun, 0, begun) !== 0) return "broken";
  if (bytes.length < V2_HEAD_BYTES) return "more";
  const [command, family] = [bytes[12] as number, bytes[13] as number];
  const end = V2_HEAD_BYTES + bytes.readUInt16BE(14);
  const addressBytes = ADDRESS_BYTES[family];
  if ((command !== LOCAL && command !== PROXY) || end > maxBytes) return "broken";
  // A health check may name any family; what it says of addresses means nothing.
  if (command === PROXY && (addressBytes === undefined || end - V2_HEAD_BYTES < addressBytes)) return "broken";
  if (bytes.length < end) return "more";
  if (command === LOCAL) return { bytes: end, client: undefined };
  if (!areExtras(bytes.subarray(V2_HEAD_BYTES + (addressBytes ?? 0), end))) return "broken";
  const at = V2_HEAD_BYTES;
  if (family === TCP4) {
    const address = [...bytes.subarray(at, at + 4)].join(".");
    return { bytes: end, client: { address, port: bytes.readUInt16BE(at + 8) } };
  }
  if (family === TCP6) return { bytes: end, client: { address: textOf(bytes, at), port: bytes.readUInt16BE(at + 32) } };
  return { bytes: end, client: undefined };
}

/** Type, length, content; one after another to the end. What they say is not asked. */
function areExtras(bytes: Buffer): boolean {
  let at = 0;
  while (at + 3 <= bytes.length) at += 3 + bytes.readUInt16BE(at + 1);
  return at === bytes.length;
}

/** An IPv6 address in its usual form. */
function textOf(bytes: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, n) => bytes.readUInt16BE(at + 2 * n).toString(16));
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

/** What tells a backend who the client is, and where it came in. */
export function writeProxyHeader(version: ProxyVersion, client: Peer, here: Peer): Buffer {
  const isV4 = isIPv4(client.address) && isIPv4(here.address);
  if (version === "v1") {
    const [from, to] = isV4 ? [client.address, here.address] : [asV6(client.address), asV6(here.address)];
    return Buffer.from(`PROXY TCP${isV4 ? 4 : 6} ${from} ${to} ${client.port} ${here.port}\r\n`, "latin1");
  }
  const addresses = [client, here].map(({ address }) => (isV4 ? bytesOfV4(address) : bytesOfV6(asV6(address))));
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(client.port, 0);
  ports.writeUInt16BE(here.port, 2);
  const head = Buffer.from([...SIGNATURE, PROXY, isV4 ? TCP4 : TCP6, 0, isV4 ? 12 : 36]);
  return Buffer.concat([head, ...addresses, ports]);
}

function asV6(address: string): string {
  return isIPv4(address) ? `::ffff:${address}` : (address.split("%")[0] ?? "");
}

function bytesOfV4(address: string): Buffer {
  return Buffer.from(address.split(".").map(Number));
}

function bytesOfV6(address: string): Buffer {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  const tail =
    dotted === null
      ? ""
      : bytesOfV4(dotted[2] ?? "")
          .toString("hex")
          .replace(/.{4}$/, ":$&");
  const [left = "", right] = (dotted === null ? address : `${dotted[1]}${tail}`).split("::");
  const groups = (text: string | undefined): string[] => (text === undefined || text === "" ? [] : text.split(":"));
  const [before, after] = [groups(left), groups(right)];
  const all = [...before, ...Array<string>(8 - before.length - after.length).fill("0"), ...after];
  return Buffer.from(all.map((group) => group.padStart(4, "0")).join(""), "hex");
}
