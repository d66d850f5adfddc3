/** The handshake of WebSocket: HTTP/1.1 has a key and its answer (RFC 6455 4.2.2), HTTP/2 has neither (RFC 8441 5). */
import { createHash } from "node:crypto";
import type { Random } from "../../domain/ports.ts";
import { withoutNames } from "../http1/field-lines.ts";

const MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY_BYTES = 16;

export function newKey(random: Random): string {
  return Buffer.from(random.bytes(KEY_BYTES)).toString("base64");
}

/** What a server that has read this key answers. */
export function acceptFor(key: string): string {
  return createHash("sha1")
    .update(key + MAGIC, "latin1")
    .digest("base64");
}

/** The value of the first of these lines with this name, in lower case. */
export function headerOf(lines: string, name: string): string | undefined {
  for (const line of lines.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon === name.length && line.slice(0, colon).toLowerCase() === name) return line.slice(colon + 1).trim();
  }
  return undefined;
}

export function withoutHeader(lines: string, name: string): string {
  return withoutNames(lines, new Set([name]));
}
