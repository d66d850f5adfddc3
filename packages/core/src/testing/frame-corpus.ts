/** The corpus of frames of fixtures/gateway, as bytes. */
import { readFileSync } from "node:fs";
import { encodeInteger, encodePlainString } from "../gateway/http2/hpack-encoder.ts";

type Text = string | { readonly repeat: string; readonly times: number; readonly first?: string };

interface Step {
  readonly headers?: readonly (readonly [string, Text])[];
  readonly last?: readonly [string, string];
  readonly again?: number;
  readonly pieces?: number;
  readonly pad?: number;
  readonly priority?: boolean;
  readonly type?: number;
  readonly flags?: number;
  readonly id?: number;
  readonly hex?: Text;
  readonly length?: number;
  readonly times?: number;
  readonly raw?: string;
  readonly await?: "answer";
  readonly bomb?: true;
  readonly resets?: number;
  readonly opens?: number;
  readonly malformed?: number;
}

export interface FrameCase {
  readonly name: string;
  readonly send: readonly Step[];
  readonly withoutSettings?: true;
  /** The upstream does not answer. */
  readonly hangs?: true;
  readonly status?: number;
  readonly reset?: number;
  readonly goaway?: number;
  readonly closes?: true;
}

export const frameCorpus = JSON.parse(
  readFileSync(new URL("../../../../fixtures/gateway/frames.json", import.meta.url), "utf8"),
) as FrameCase[];

export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const GET = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "app.example"],
] as const;
function textOf(text: Text): string {
  return typeof text === "string" ? text : (text.first ?? "") + text.repeat.repeat(text.times);
}

export function frame(type: number, flags: number, id: number, payload: string, length = payload.length): string {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return head.toString("latin1") + payload;
}

function blockOf(fields: readonly (readonly [string, Text])[]): string {
  return fields.map(([name, value]) => `\0${encodePlainString(name)}${encodePlainString(textOf(value))}`).join("");
}

function headers({ headers: own = [], last, again = 0, id = 1, flags = 5, pieces = 1, pad, priority }: Step): string {
  const more = last === undefined ? [] : Array.from({ length: again }, () => last);
  const block = blockOf([...own, ...more]);
  if (pieces > 1) {
    const size = Math.ceil(block.length / pieces);
    const parts = Array.from({ length: pieces }, (_, at) => block.slice(at * size, (at + 1) * size));
    return parts
      .map((part, at) => frame(at === 0 ? 1 : 9, (at === 0 ? flags & 1 : 0) | (at === pieces - 1 ? 4 : 0), id, part))
      .join("");
  }
  const before = (pad === undefined ? "" : String.fromCharCode(pad)) + (priority === true ? "\0\0\0\0\x10" : "");
  return frame(1, flags, id, before + block + "\0".repeat(pad ?? 0));
}

/** What one step sends. */
export function bytesOf(step: Step): string {
  if (step.raw !== undefined) return step.raw;
  if (step.headers !== undefined) return headers(step);
  if (step.bomb) {
    const large = `\x40\x01a${encodeInteger(4000, 127, 0)}${"x".repeat(4000)}`;
    const pseudo = blockOf(GET);
    return frame(1, 1, 1, pseudo + large) + frame(9, 4, 1, "\xbe".repeat(16_000));
  }
  const many = step.resets ?? step.opens ?? step.malformed;
  if (many === undefined) {
    const payload = Buffer.from(textOf(step.hex ?? ""), "hex").toString("latin1");
    return frame(step.type ?? 0, step.flags ?? 0, step.id ?? 0, payload, step.length ?? payload.length).repeat(
      step.times ?? 1,
    );
  }
  let text = "";
  for (let id = 1; id < 2 * many; id += 2) {
    if (step.malformed !== undefined) text += headers({ headers: [["A", "b"]], id });
    else text += headers({ headers: GET, id }) + (step.resets === undefined ? "" : frame(3, 0, id, "\0\0\0\x08"));
  }
  return text;
}
