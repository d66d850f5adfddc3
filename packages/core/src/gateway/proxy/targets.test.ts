/** The targets of fixtures/gateway against the proxy on a socket, over HTTP/1 and HTTP/2: which route each takes, and what is sent on. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type ErrorId, SkerryError } from "../../domain/errors.ts";
import { TARGET_ROUTES, type TargetAnswer, targetCorpus } from "../../testing/edge-corpora.ts";
import { frame, PREFACE } from "../../testing/frame-corpus.ts";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";
import { RawHttp2 } from "../../testing/raw-http2.ts";
import { headersFrame } from "../http2/frames.ts";
import { encodeField } from "../http2/hpack-encoder.ts";
import { compileTable } from "../routing/route-table.ts";
import type { TableEntry } from "../table.ts";

/** More bytes than this go in larger pieces than one byte. */
const MAX_SINGLE_BYTES = 300;

describe("the corpus of targets against the proxy", () => {
  let world: ProxyWorld;
  /** What upstreams have got: the route, and the request line. */
  const seen: string[] = [];
  before(async () => {
    world = await ProxyWorld.start();
    const entries: TableEntry[] = [];
    for (const [name, route] of Object.entries(TARGET_ROUTES)) {
      const port = await world.listen((socket) => {
        let text = "";
        socket.on("data", (bytes: Buffer) => {
          text += bytes.toString("latin1");
          if (!text.includes("\r\n\r\n")) return;
          seen.push(`${name} ${text.slice(0, text.indexOf("\r\n"))}`);
          text = "";
          socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        });
      });
      const backends = [{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" }] as const;
      entries.push({ id: name, name, host: "app.example", ...route, upstream: { backends, reach: "any" } });
    }
    world.proxy.setTable(compileTable(entries), { put: entries, remove: [] });
  });
  after(() => world[Symbol.asyncDispose]());

  function check(status: number, says: TargetAnswer, method: string, seenBefore: number): void {
    const got = seen.slice(seenBefore);
    if (typeof says === "string") {
      equal(status, new SkerryError(says as ErrorId, "").status);
      deepEqual(got, []);
    } else {
      equal(status, 200);
      deepEqual(got, [`${says.route} ${method} ${says.sends} HTTP/1.1`]);
    }
  }

  for (const { name, method, host, target, says, overHttp2 } of targetCorpus) {
    const text = `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    for (const pieceBytes of text.length > MAX_SINGLE_BYTES ? [text.length, 997] : [text.length, 1]) {
      test(`${name}, ${pieceBytes === text.length ? "in one piece" : `by ${pieceBytes}`}`, async () => {
        const seenBefore = seen.length;
        const client = await world.connect();
        for (let at = 0; at < text.length && !client.hasEnded; at += pieceBytes) {
          client.write(text.slice(at, at + pieceBytes));
          await turn();
        }
        const answer = await client.untilClosed();
        check(Number(answer.slice(9, 12)), says, method, seenBefore);
        if (typeof says === "string") match(answer, new RegExp(`"type":"urn:skerry:error:${says}"`));
      });
    }

    test(`${name}, over HTTP/2`, async () => {
      const seenBefore = seen.length;
      const client = new RawHttp2(await world.connect());
      const fields = [
        [":method", method],
        [":scheme", "http"],
        [":path", target],
        [":authority", host],
      ] as const;
      const block = fields.map(([field, value]) => encodeField(field, value)).join("");
      client.write(PREFACE + frame(4, 0, 0, "") + headersFrame(1, block, true));
      await until(() => client.endedStreams.has(1) || client.resets.has(1) || client.hasEnded, "an answer");
      equal(client.goAway, undefined, client.goAwayText);
      if (typeof overHttp2 === "object" && "reset" in overHttp2) {
        equal(client.resets.get(1), overHttp2.reset);
        equal(seen.length, seenBefore);
      } else check(client.statuses.get(1) ?? 0, overHttp2, method, seenBefore);
      client.close();
    });
  }

  test("has each answer, and no name twice", () => {
    const routes = targetCorpus.map(({ says }) => (typeof says === "string" ? says : says.route));
    for (const what of [...Object.keys(TARGET_ROUTES), "invalid", "invalid/target"]) ok(routes.includes(what), what);
    equal(new Set(targetCorpus.map(({ name }) => name)).size, targetCorpus.length);
  });
});
