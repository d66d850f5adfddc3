import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { assertOurs } from "./hosts.ts";

test("the port of the scheme may be left out, and no other", () => {
  const ask = (port: number, host: string, origin?: string) => () => {
    const headers = { host, ...(origin === undefined ? {} : { origin }) };
    const request = { url: "/", headers, headersDistinct: {} } as Partial<IncomingMessage>;
    assertOurs({ kind: "tcp", host: "127.0.0.1", port: () => port }, request as IncomingMessage);
  };
  ask(80, "localhost")();
  ask(80, "localhost:80")();
  ask(80, "127.0.0.1", "http://127.0.0.1")();
  assert.throws(ask(7400, "localhost"), { reason: "host" });
  assert.throws(ask(80, "evil.example"), { reason: "host" });
  assert.throws(ask(80, "localhost", "http://evil.example"), { reason: "origin" });
});
