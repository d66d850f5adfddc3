/** The corpus of fixtures/gateway against the proxy on a socket: what upstreams see, and what they never see. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ProxyWorld, type SeenRequest, until } from "../../testing/proxy-world.ts";

interface Case {
  readonly name: string;
  readonly bytes: readonly (string | { readonly repeat: string; readonly times: number })[];
  readonly accept?: { readonly method: string; readonly target: string; readonly body: string };
  readonly refuse?: number;
}

const corpus = JSON.parse(
  readFileSync(new URL("../../../../../fixtures/gateway/requests.json", import.meta.url), "utf8"),
) as Case[];

/** More bytes than this go in larger pieces than one byte. */
const MAX_SINGLE_BYTES = 1000;

describe("the corpus against the proxy", () => {
  let world: ProxyWorld;
  let seen: SeenRequest[];
  before(async () => {
    world = await ProxyWorld.start();
    seen = await world.upstream(() => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  after(() => world[Symbol.asyncDispose]());

  for (const one of corpus) {
    const text = one.bytes.map((part) => (typeof part === "string" ? part : part.repeat.repeat(part.times))).join("");
    for (const pieceBytes of [text.length, text.length > MAX_SINGLE_BYTES ? 997 : 1]) {
      test(`${one.name}, ${pieceBytes === text.length ? "in one piece" : `by ${pieceBytes}`}`, async () => {
        const seenBefore = seen.length;
        const client = await world.connect();
        for (let at = 0; at < text.length && !client.hasEnded; at += pieceBytes) {
          client.write(text.slice(at, at + pieceBytes));
          await turn();
        }
        if (one.accept !== undefined) {
          await until(() => client.text.endsWith("\r\n\r\nok") || client.hasEnded, "an answer");
          match(client.text, /^HTTP\/1\.1 200 OK\r\n/);
          equal(seen.length, seenBefore + 1);
          const { line, body } = seen[seenBefore] as SeenRequest;
          deepEqual(
            { line, body },
            { line: `${one.accept.method} ${one.accept.target} HTTP/1.1`, body: one.accept.body },
          );
          client.socket.destroy();
        } else {
          const answer = await client.untilClosed();
          match(
            answer,
            new RegExp(
              `^HTTP/1\\.1 ${one.refuse} [\\s\\S]*Connection: close\r\n\r\n\\{"type":"urn:skerry:error:invalid`,
            ),
          );
          ok(!answer.slice(10).includes("HTTP/1.1 2"), answer);
          equal(seen.length, seenBefore);
        }
      });
    }
  }
});
