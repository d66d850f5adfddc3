/** The corpus of frames of fixtures/gateway against the proxy on a socket: each gets its answer, and the upstream sees nothing of what is refused. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { bytesOf, frame, frameCorpus, PREFACE } from "../../testing/frame-corpus.ts";
import { ProxyWorld, type SeenRequest, until } from "../../testing/proxy-world.ts";
import { RawHttp2 } from "../../testing/raw-http2.ts";

/** More bytes than this go in larger pieces than one byte. */
const MAX_SINGLE_BYTES = 300;

describe("the corpus of frames against the proxy", () => {
  let world: ProxyWorld;
  let seen: SeenRequest[];
  let isHanging = false;
  before(async () => {
    world = await ProxyWorld.start();
    seen = await world.upstream(() => (isHanging ? undefined : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  });
  after(() => world[Symbol.asyncDispose]());

  for (const one of frameCorpus) {
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
