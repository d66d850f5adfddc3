import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { isError, type SkerryError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { canonicalActions, withActions } from "./route-actions.ts";

function refused(said: object, message: RegExp, field?: string): void {
  throws(
    () => canonicalActions(said),
    (error) => {
      ok(isError(error, "invalid") && message.test(error.message), `${JSON.stringify(said)}: ${error}`);
      if (field !== undefined) equal((error as SkerryError).details?.["field"], field);
      return true;
    },
  );
}

test("a route leads to one place, and a new one takes the place of the old", () => {
  const before = { to: "http://a", redirectHttps: true } as const;
  const redirect = { to: "/x", status: 302 } as const;
  deepEqual(withActions(before, { redirect }), { redirectHttps: true, redirect });
  deepEqual(withActions(before, { redirectHttps: null }), { to: "http://a" });
  deepEqual(withActions(before, {}), before);
  const many = /leads to one place: not to and redirect/;
  for (const [said, message] of [
    [{ to: null }, /missing where/],
    [{ to: "http://b", redirect }, many],
  ] as const)
    throws(() => withActions(before, said), message);
  throws(() => withActions({}, {}), /missing where/);
});

describe("redirects", () => {
  const to = (text: string) => canonicalActions({ redirect: { to: text } }).redirect;

  test("take URLs and paths with placeholders", () => {
    for (const text of [
      ...["https://{host}{path}{query}", "{scheme}://www.{host}:8443/a{path}?b=c{query}", "/new{query}", "{path}/"],
      ...["http://[::1]:80", "https://example.com?x", "/a%20b#c", "https://{host}"],
    ])
      deepEqual(to(text), { to: text, status: 302 });
  });

  test("never take what a client could make another host, or another line", () => {
    for (const [text, message] of [
      ["", /begins with/],
      ["new", /begins with/],
      ["//evil.example", /begins with/],
      ["/\\evil.example", /begins with|percent-encoded/],
      ["javascript:alert(1)", /begins with/],
      ["{host}/x", /begins with/],
      ["https://{path}", /host is not one/],
      ["https://me@a.example/", /host is not one/],
      ["https://{host}.evil{path}{host}", /in front of the path/],
      ["https://a.example/{user}", /there is no \{user\}/],
      ["https://a.example/\r\nX: y", /percent-encoded/],
      ["https://a.example/é", /percent-encoded/],
      ["https://a.example/%zz", /percent-encoded/],
      ["/{query}{query}", /more than once/],
      [`/${"x".repeat(LIMITS.actions.maxRedirect)}`, /characters/],
    ] as const) {
      refused({ redirect: { to: text } }, message, "redirect.to");
    }
  });
});

describe("fixed answers", () => {
  test("have a status, and headers that are the route's to say", () => {
    const respond = { status: 503, contentType: "text/html", body: "<p>", headers: { "Retry-After": "5" } };
    deepEqual(canonicalActions({ respond }), { respond });
    refused({ respond: { status: 101 } }, /no status/, "respond.status");
    refused({ respond: { status: 204, body: "x" } }, /no body/, "respond.body");
    refused({ respond: { status: 200, body: "é".repeat(LIMITS.actions.maxRespondBytes / 2 + 1) } }, /is the most/);
    for (const [name, message] of [
      ["Content-Length", /tells messages/],
      ["transfer-encoding", /tells messages/],
      ["Connection", /tells messages/],
      ["Host", /tells messages/],
      ["X-Forwarded-For", /gateway says it/],
      ["X_Forwarded_For", /gateway says it/],
      ["Content_Length", /tells messages/],
      ["X-Request-Id", /gateway says it/],
      ["a b", /letters/],
      ["X:\r\ny", /letters/],
      ["", /letters/],
      ["Content-Type", /said twice/],
    ] as const)
      refused({ respond: { status: 200, headers: { [name]: "x" } } }, message);
    for (const value of ["a\r\nb", "a\nb", "\0", " a", "a ", "é", "x".repeat(LIMITS.actions.maxHeaderValue + 1)])
      refused({ respond: { status: 200, headers: { "X-A": value } } }, /cannot have that value/);
    refused({ respond: { status: 200, headers: { "X-A": "1", "x-a": "2" } } }, /each once/);
    refused({ respond: { status: 200, contentType: "text/x\r\nA: b" } }, /cannot have that value/);
  });
});
