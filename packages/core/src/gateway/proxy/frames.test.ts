/** The corpus of frames of fixtures/gateway against the proxy on a socket: each gets its answer, and the upstream sees nothing of what is refused. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ProxyWorld, type SeenRequest, until } from "../../testing/proxy-world.ts";
import { RawHttp2 } from "../../testing/raw-http2.ts";
import { encodeInteger, encodePlainString } from "../http2/hpack-encoder.ts";

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

interface Case {
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

const corpus = JSON.parse(
  readFileSync(new URL("../../../../../fixtures/gateway/frames.json", import.meta.url), "utf8"),
) as Case[];

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const GET = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "app.example"],
] as const;
/** More bytes than this go in larger pieces than one byte. */
const MAX_SINGLE_BYTES = 300;

function textOf(text: Text): string {
  return typeof text === "string" ? text : (text.first ?? "") + text.repeat.repeat(text.times);
}

function frame(type: number, flags: number, id: number, payload: string, length = payload.length): string {
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

function bytesOf(step: Step): string {
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

describe("the corpus of frames against the proxy", () => {
  let world: ProxyWorld;
  let seen: SeenRequest[];
  let isHanging = false;
  before(async () => {
    world = await ProxyWorld.start();
    seen = await world.upstream(() => (isHanging ? undefined : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  });
  after(() => world[Symbol.asyncDispose]());

  for (const one of corpus) {
    const texts = one.send.map(bytesOf);
    const size = texts.join("").length;
    for (const pieceBytes of size > MAX_SINGLE_BYTES ? [16_384] : [16_384, 1]) {
      test(`${one.name}${pieceBytes === 1 ? ", byte by byte" : ""}`, async () => {
        isHanging = one.hangs === true;
        const seenBefore = seen.length;
        const client = new RawHttp2(await world.connect());
        const isBare = one.closes === true;
        if (!isBare) client.write(PREFACE + (one.withoutSettings ? "" : frame(4, 0, 0, "")));
        for (const [at, text] of texts.entries()) {
          if (one.send[at]?.await === "answer") {
            await until(() => client.endedStreams.size > 0, "an answer");
            continue;
          }
          for (let from = 0; from < text.length && !client.hasEnded; from += pieceBytes) {
            client.write(text.slice(from, from + pieceBytes));
            await turn();
          }
        }
        if (one.goaway !== undefined || isBare) {
          await until(() => client.hasEnded, "the end of the connection");
          equal(client.goAway, one.goaway, client.goAwayText);
        } else if (one.reset !== undefined) {
          await until(() => client.resets.has(1) || client.hasEnded, "the end of the stream");
          equal(client.resets.get(1), one.reset, client.goAwayText);
          equal(client.goAway, undefined, client.goAwayText);
          deepEqual(client.statuses.get(1), undefined);
        } else {
          await until(() => client.endedStreams.has(1) || client.hasEnded, "an answer");
          equal(client.statuses.get(1), one.status, client.goAwayText);
        }
        client.close();
        if (one.status !== 200 && size < MAX_SINGLE_BYTES && one.send.length === 1) equal(seen.length, seenBefore);
        if (one.status === 200) ok(seen.length > seenBefore);
      });
    }
  }
});
