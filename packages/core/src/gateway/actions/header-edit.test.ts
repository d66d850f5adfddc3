/** Headers that routes set, add and remove, on both sides. */
import { deepEqual, doesNotMatch, equal, match, throws } from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:http2";
import { test } from "node:test";
import { isError } from "../../domain/errors.ts";
import { canonicalActions } from "../../domain/route-actions.ts";
import { ProxyWorld, type SeenRequest } from "../../testing/proxy-world.ts";

const LAST = "Host: app.example\r\nConnection: close\r\n\r\n";

test("a route sets, adds and removes headers of requests and answers", async () => {
  await using world = await ProxyWorld.start();
  world.actions = {
    headers: {
      request: {
        set: { "X-Who": '{client_ip} by {scheme} to {host}, {request_id} {"a":1} {path}', Cookie: "" },
        add: { "X-More": "b" },
        remove: ["Accept-Language", "x-secret"],
      },
      response: { set: { "X-Frame-Options": "DENY", Date: "then" }, add: { "Set-Cookie": "b=2" }, remove: ["Server"] },
    },
  };
  canonicalActions(world.actions);
  const seen = await world.upstream(
    () =>
      "HTTP/1.1 200 OK\r\nserver: x\r\nDate: now\r\nSet-Cookie: a=1\r\nx-frame-options: ALLOW\r\nContent-Length: 2\r\n\r\nok",
  );
  const answer = await world.exchange(
    `GET / HTTP/1.1\r\nx-who: me\r\nX-More: a\r\nX-SECRET: s\r\nCookie: c\r\nX-Request-Id: id1\r\n${LAST}`,
  );
  const { headers, head } = seen[0] as SeenRequest;
  equal(headers.get("x-who"), '127.0.0.1 by http to app.example, id1 {"a":1} {path}');
  equal(headers.get("cookie"), "");
  match(head, /\r\nX-More: a\r\n[\s\S]*\r\nX-More: b\r\n/);
  doesNotMatch(head, /secret|: me/i);
  match(answer, /^HTTP\/1\.1 200 OK\r\nSet-Cookie: a=1\r\nX-Frame-Options: DENY\r\nDate: then\r\nSet-Cookie: b=2\r\n/);
  equal(answer.toLowerCase().split("\r\ndate:").length, 2);
  doesNotMatch(answer, /ALLOW|server/i);
});

test("answers of the route itself get them too", async () => {
  await using world = await ProxyWorld.start();
  const response = { set: { "Strict-Transport-Security": "max-age=1" } };
  world.actions = { respond: { status: 200, body: "x" }, headers: { response } };
  world.routeTo([]);
  match(await world.exchange(`GET / HTTP/1.1\r\n${LAST}`), /\r\nStrict-Transport-Security: max-age=1\r\n/);
});

test("trailers of a request say nothing of what the route says", async () => {
  const request = { set: { "X-User": "nobody" }, add: { "X-Role": "guest" }, remove: ["X-Secret"] };
  const body = "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n";
  const trailers = "x-user: root\r\nX-Role: admin\r\nX-Sum: 42\r\nX-SECRET: s\r\nX_User: root\r\n\r\n";
  for (const protocol of ["http/1.1", "h2"] as const) {
    await using world = await ProxyWorld.start();
    world.actions = { headers: { request } };
    const seen = await world.upstream(() => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    const head = "POST / HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n";
    if (protocol === "http/1.1") await world.exchange(head + body + trailers);
    else {
      const session = connect(`http://127.0.0.1:${world.port}`);
      const stream = session.request({ ":method": "POST", ":authority": "app.example" }, { waitForTrailers: true });
      stream.on("wantTrailers", () =>
        stream.sendTrailers({ "x-user": "root", "x-role": "admin", "x-sum": "42", "x-secret": "s" }),
      );
      stream.end("hi");
      await once(stream, "response");
      session.destroy();
    }
    const { headers, trailers: got, body: sent } = seen[0] as SeenRequest;
    deepEqual([headers.get("x-user"), headers.get("x-role"), sent], ["nobody", "guest", "hi"], protocol);
    equal(got.toLowerCase(), "x-sum: 42\r\n", protocol);
  }
});

test("nothing that a client says becomes a line of its own", async () => {
  await using world = await ProxyWorld.start();
  world.actions = {
    headers: {
      request: { set: { "X-A": "{host} {request_id}" } },
      response: { set: { "X-A": "{host} {request_id}" } },
    },
  };
  const seen = await world.upstream(() => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  for (const id of ["a\tb", "a%0d%0aX-Evil: 1", "{client_ip}", "a b", "\x80"]) {
    const answer = await world.exchange(`GET / HTTP/1.1\r\nX-Request-Id: ${id}\r\n${LAST}`);
    match(answer, /\r\nX-A: app\.example [A-Za-z0-9._-]{1,64}\r\n/);
  }
  for (const { head } of seen) doesNotMatch(head, /\r\nX-Evil/);
});

test("headers that are the gateway's, or not one line, are refused", () => {
  const refused = (rules: object, message: RegExp) =>
    throws(
      () => canonicalActions({ headers: { response: rules } }),
      (error) => isError(error, "invalid") && message.test(error.message),
      JSON.stringify(rules),
    );
  for (const name of [
    "Content-Length",
    "Transfer-Encoding",
    "connection",
    "Upgrade",
    "TE",
    "Trailer",
    "Host",
    "Keep-Alive",
  ])
    for (const rules of [{ set: { [name]: "x" } }, { add: { [name]: "x" } }, { remove: [name] }])
      refused(rules, /tells messages or connections apart/);
  for (const name of ["X-Request-Id", "forwarded", "X-Forwarded-For", "X-Forwarded-Anything", "CDN-Loop", "X-Real-IP"])
    refused({ set: { [name]: "x" } }, /the gateway says it itself/);
  for (const name of ["", "a b", "a:", "a\r\nb", "é"]) refused({ remove: [name] }, /letters, digits/);
  for (const value of ["a\r\nX: b", "a\n", "\0", "é", " a"]) refused({ set: { "X-A": value } }, /that value/);
  refused({ set: { "X-A": "1" }, remove: ["x-a"] }, /said twice/);
  deepEqual(canonicalActions({ headers: { request: { set: {} }, response: {} } }), { headers: null });
  for (const host of ["a b", "a/b", "a\r\nb", "", "a:b", "a@b", "{host}:1"])
    throws(() => canonicalActions({ hostHeader: host }), host === "" ? /nothing/ : /nothing that Host/);
  deepEqual(canonicalActions({ hostHeader: "App.internal:80" }), { hostHeader: "app.internal:80" });
});
