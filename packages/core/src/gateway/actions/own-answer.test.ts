/** What routes answer themselves, as clients see it. */
import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:http2";
import { test } from "node:test";
import fc from "fast-check";
import { LIMITS } from "../../domain/limits.ts";
import { canonicalActions, type RouteActions } from "../../domain/route-actions.ts";
import { ProxyWorld } from "../../testing/proxy-world.ts";
import { locationOf } from "./redirect.ts";

const LAST = "Host: app.example\r\nConnection: close\r\n\r\n";

async function answering(actions: RouteActions): Promise<ProxyWorld> {
  const world = await ProxyWorld.start({}, { httpsPort: () => 8443 });
  world.actions = actions;
  world.routeTo([]);
  return world;
}

test("a redirect has the request's own parts where the template says so", async () => {
  const redirect = { to: "https://new.example{path}?a=1{query}", status: 308 } as const;
  await using world = await answering({ redirect });
  const answer = await world.exchange(`POST /x/%c3%a4?b="2" HTTP/1.1\r\nContent-Length: 3\r\n${LAST}abc`);
  match(answer, /^HTTP\/1\.1 308 Permanent Redirect\r\nLocation: https:\/\/new\.example\/x\/%c3%a4\?a=1&b=%222%22\r\n/);
  match(answer, /\r\nContent-Length: 0\r\n/);
  const [record] = world.records;
  deepEqual([record?.status, record?.error, record?.upstream], [308, undefined, undefined]);
});

test("whatever is asked for, a redirect names the host that its template names", () => {
  const templates = ["{path}{query}", "https://a.example{path}{query}", "/x{path}{query}", "{scheme}://{host}{path}"];
  const piece = fc.constantFrom("/", "//", "\\", "evil.example", "@", ":", "?", "..", "%2f", '"', "<", "[", "x", "#");
  fc.assert(
    fc.property(fc.constantFrom(...templates), fc.array(piece, { maxLength: 8 }), (to, pieces) => {
      const target = `/${pieces.join("").replaceAll("#", "")}`;
      const asked = { scheme: "http", host: "a.example", hostHeader: "a.example", target };
      const location = locationOf({ to, status: 302 }, asked);
      match(location, /^[\x21-\x7e]+$/);
      doesNotMatch(location, /["<>\\^`{|}]/);
      equal(new URL(location, "http://a.example/").hostname, "a.example", `${to} ${target} ${location}`);
    }),
  );
});

test("who asks without TLS is sent to HTTPS, and a redirect to itself is refused", async () => {
  {
    await using world = await answering({ redirectHttps: true, respond: { status: 200 } });
    const answer = await world.exchange(`GET /a?b HTTP/1.1\r\n${LAST}`);
    match(answer, /^HTTP\/1\.1 308 [^\r]*\r\nLocation: https:\/\/app\.example:8443\/a\?b\r\n/);
  }
  await using world = await answering({ redirect: { to: "http://{host}{path}{query}", status: 302 } });
  match(await world.exchange(`GET /a?b HTTP/1.1\r\n${LAST}`), /^HTTP\/1\.1 502 [\s\S]*very URL/);
  match(await world.exchange(`GET /a HTTP/1.1\r\n${LAST.replace("example", "example:81")}`), /^HTTP\/1\.1 302 /);
});

test("a fixed answer is framed as its method and status want", async () => {
  const body = "x".repeat(LIMITS.actions.maxRespondBytes);
  for (const [respond, request, pattern] of [
    [
      { status: 200, body: "né" },
      "GET",
      /\r\nContent-Type: text\/plain; charset=utf-8\r\n[\s\S]*Content-Length: 3\r\n[\s\S]*\r\n\r\nn\xc3\xa9$/,
    ],
    [{ status: 200, body: "né" }, "HEAD", /Content-Length: 3\r\n[\s\S]*\r\n\r\n$/],
    [
      { status: 204, headers: { "X-A": "b" } },
      "GET",
      /^HTTP\/1\.1 204 No Content\r\nX-A: b\r\n(?![\s\S]*Content-Length)[\s\S]*\r\n\r\n$/,
    ],
    [{ status: 304 }, "GET", /^HTTP\/1\.1 304 (?![\s\S]*Content-Length)[\s\S]*\r\n\r\n$/],
    [{ status: 418 }, "GET", /^HTTP\/1\.1 418 [\s\S]*Content-Length: 0\r\n[\s\S]*\r\n\r\n$/],
    [{ status: 200, body }, "GET", /Content-Length: 65536\r\n[\s\S]*\r\n\r\nx{65536}$/],
  ] as const) {
    canonicalActions({ respond });
    await using world = await answering({ respond });
    match(await world.exchange(`${request} / HTTP/1.1\r\n${LAST}`), pattern);
  }
});

test("one connection goes on behind own answers, also with HTTP/2", async () => {
  const body = "y".repeat(LIMITS.actions.maxRespondBytes);
  await using world = await answering({ respond: { status: 200, body } });
  const two = "GET / HTTP/1.1\r\nHost: app.example\r\n\r\n";
  const answer = await world.exchange(`${two}${two}GET / HTTP/1.1\r\n${LAST}`);
  equal(answer.split("HTTP/1.1 200 OK").length, 4);
  const session = connect(`http://127.0.0.1:${world.port}`);
  try {
    const texts = ["GET", "HEAD", "GET"].map(async (method) => {
      const stream = session.request({ ":method": method, ":authority": "app.example" });
      const [head] = await once(stream, "response");
      equal(head[":status"], 200);
      equal(head["content-length"], String(body.length));
      const parts: Buffer[] = [];
      for await (const part of stream) parts.push(part as Buffer);
      return Buffer.concat(parts).toString();
    });
    deepEqual(await Promise.all(texts), [body, "", body]);
  } finally {
    session.destroy();
  }
  ok(world.records.every(({ status, error }) => status === 200 && error === undefined));
});
