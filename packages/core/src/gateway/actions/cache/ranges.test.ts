/** Parts of what is kept whole. */
import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { answerOf, CacheWorld } from "../../../testing/cache-world.ts";

const HEAD =
  'Cache-Control: max-age=60\r\nContent-Type: text/plain\r\nETag: "a"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n';

/** Status, Content-Range and body. */
async function part(world: CacheWorld, lines: string, method = "GET"): Promise<readonly [string, string, string]> {
  const { head, body } = await world.ask(lines, "/x", method);
  return [head.slice(9, 12), /\r\nContent-Range: (.*)\r\n/.exec(head)?.[1] ?? "", body];
}

test("a part of what is kept comes from it", async () => {
  await using world = await CacheWorld.start(() => answerOf(HEAD, "0123456789"));
  await world.ask();
  for (const [range, status, said, body] of [
    ["bytes=0-3", "206", "bytes 0-3/10", "0123"],
    ["bytes=4-", "206", "bytes 4-9/10", "456789"],
    ["bytes=-3", "206", "bytes 7-9/10", "789"],
    ["bytes=-30", "206", "bytes 0-9/10", "0123456789"],
    ["BYTES=9-99", "206", "bytes 9-9/10", "9"],
    ["bytes=10-", "416", "bytes */10", ""],
    ["bytes=-0", "416", "bytes */10", ""],
    ["bytes=99-999", "416", "bytes */10", ""],
    ["bytes=0-1,3-4", "200", "", "0123456789"],
    ["bytes=3-1", "200", "", "0123456789"],
    ["bytes=-", "200", "", "0123456789"],
    ["bytes=9999999999999999999-", "200", "", "0123456789"],
    ["lines=0-1", "200", "", "0123456789"],
  ] as const) {
    deepEqual(await part(world, `Range: ${range}\r\n`), [status, said, body], range);
  }
  equal(world.seen.length, 1);
  const { head } = await world.ask("Range: bytes=2-3\r\n");
  match(head, /\r\nContent-Length: 2\r\n/);
  match(head, /\r\nETag: "a"\r\n[\s\S]*Cache-Status: skerry; hit/);
  match((await world.ask("")).head, /\r\nAccept-Ranges: bytes\r\n/);
  doesNotMatch((await world.ask("Range: bytes=10-\r\n")).head, /Content-Type/);
  const [status, said] = await part(world, "Range: bytes=0-3\r\n", "HEAD");
  deepEqual([status, said], ["200", ""]);
  deepEqual(await part(world, 'Range: bytes=0-3\r\nIf-None-Match: "a"\r\n'), ["304", "", ""]);
});

test("a part is given of what the client has parts of only", async () => {
  await using world = await CacheWorld.start(() => answerOf(HEAD, "0123456789"));
  await world.ask();
  for (const [said, status] of [
    ['"a"', "206"],
    ['"b"', "200"],
    ['W/"a"', "200"],
    ["Thu, 01 Jan 2026 00:00:00 GMT", "206"],
    ["Thu, 01 Jan 2026 00:00:01 GMT", "200"],
  ] as const) {
    equal((await part(world, `Range: bytes=0-3\r\nIf-Range: ${said}\r\n`))[0], status, said);
  }
  equal(world.seen.length, 1);
});

test("of what is not kept the part is passed on, and is not kept", async () => {
  await using world = await CacheWorld.start(({ headers }) =>
    headers.get("range") === undefined
      ? answerOf(HEAD, "0123456789")
      : answerOf(`${HEAD}Content-Range: bytes 0-3/10\r\n`, "0123", "206 Partial Content"),
  );
  for (const n of [1, 2]) {
    deepEqual(await part(world, "Range: bytes=0-3\r\n"), ["206", "bytes 0-3/10", "0123"]);
    equal(world.seen.length, n);
  }
  equal((await world.ask()).body, "0123456789");
  equal((await world.ask("Range: bytes=0-3\r\n")).body, "0123");
  equal(world.seen.length, 3);
});

test("of a body that is compressed for this client it gets all", async () => {
  const text = "0123456789".repeat(1000);
  await using world = await CacheWorld.start(() => answerOf(HEAD, text), {}, { compress: { algorithms: ["gzip"] } });
  await world.ask();
  equal((await part(world, "Range: bytes=0-3\r\n"))[2], "0123");
  const { head, body } = await world.ask("Range: bytes=0-3\r\nAccept-Encoding: gzip\r\n");
  match(head, /^HTTP\/1\.1 200 [\s\S]*Content-Encoding: gzip/);
  const size = Number.parseInt(body, 16);
  const from = body.indexOf("\r\n") + 2;
  if (body.length === from + size + 7)
    equal(gunzipSync(Buffer.from(body.slice(from, from + size), "latin1")).toString(), text);
});
