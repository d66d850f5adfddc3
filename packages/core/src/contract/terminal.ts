/**
 * What goes over the WebSocket of a terminal. Each binary message is one byte that names the channel, and content:
 *
 *   0 stdin    client to server: bytes; empty = the end of the input
 *   1 stdout   server to client: bytes
 *   2 stderr   server to client: bytes; never with a TTY
 *   3 control  JSON: `{"type":"resize","columns":n,"rows":n}` to the server; `{"type":"exit","code":n}` or
 *              `{"type":"error","problem":{...}}` to the client, the last message then
 */
import type { Problem } from "../domain/errors.ts";

export const SUBPROTOCOL = "skerry.terminal.v1";

export const CHANNELS = ["stdin", "stdout", "stderr", "control"] as const;
export type Channel = (typeof CHANNELS)[number];

export type Control =
  | { readonly type: "resize"; readonly columns: number; readonly rows: number }
  | { readonly type: "exit"; readonly code: number }
  | { readonly type: "error"; readonly problem: Problem };

export interface Message {
  readonly channel: Channel;
  readonly bytes: Uint8Array;
}

export function encodeMessage(channel: Channel, bytes: Uint8Array): Uint8Array {
  const message = new Uint8Array(1 + bytes.length);
  message[0] = CHANNELS.indexOf(channel);
  message.set(bytes, 1);
  return message;
}

export function encodeControl(control: Control): Uint8Array {
  return encodeMessage("control", new TextEncoder().encode(JSON.stringify(control)));
}

/** Undefined for what is no message of this protocol. */
export function decodeMessage(message: Uint8Array): Message | undefined {
  const channel = CHANNELS[message[0] ?? CHANNELS.length];
  return channel === undefined ? undefined : { channel, bytes: message.subarray(1) };
}

/** Undefined for what is none. Fields are not checked. */
export function decodeControl(bytes: Uint8Array): Control | undefined {
  try {
    const control = JSON.parse(new TextDecoder().decode(bytes)) as Control | null;
    return typeof control === "object" && control !== null ? control : undefined;
  } catch {
    return undefined;
  }
}
