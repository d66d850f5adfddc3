import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatListener,
  formatListenerTarget,
  listenerRouteName,
  parseListener,
  parseListenerTarget,
  portOfListener,
} from "./listeners.ts";

test("places are read in any spelling and written in one", () => {
  const rows: [string, string, string, string | undefined][] = [
    ["tcp://:5432", "tcp://:5432", "tcp-5432", "tcp/5432"],
    ["TCP://:05432/", "tcp://:5432", "tcp-5432", "tcp/5432"],
    ["udp://:53", "udp://:53", "udp-53", "udp/53"],
    ["ssh://:9000", "ssh://:9000", "ssh-9000", "tcp/9000"],
    ["tls://DB.Example.com.", "tls://db.example.com", "tls-db-example-com", undefined],
    ["tls://db.example.com:9000", "tls://db.example.com:9000", "tls-db-example-com-9000", "tcp/9000"],
    ["tls://*.example.com", "tls://*.example.com", "tls-any-example-com", undefined],
  ];
  for (const [text, canonical, name, port] of rows) {
    const listener = parseListener(text);
    assert.equal(formatListener(listener), canonical);
    assert.deepEqual(parseListener(canonical), listener);
    assert.equal(listenerRouteName(listener), name);
    assert.equal(portOfListener(listener), port);
  }
});

test("what is no place is refused with the reason", () => {
  const rows: [string, RegExp][] = [
    ["tcp://", /none of the four|port is missing/],
    ["tcp://:0", /1 to 65535/],
    ["tcp://:65536", /1 to 65535/],
    ["tcp://10.0.0.1:80", /leave out the host/],
    ["tls://", /name is missing/],
    ["tls://:443", /name is missing/],
    ["tls://10.0.0.1", /no handshake asks/],
    ["tls://a b", /letters, digits/],
    ["tls://db.example.com/x", /none of the four/],
    ["tls://u@db.example.com", /none of the four/],
    ["quic://:443", /none of the four/],
    ["http://a.example.com", /said without http/],
    [`tls://${"a".repeat(300)}`, /./],
  ];
  for (const [text, why] of rows) assert.throws(() => parseListener(text), why, text);
});

test("targets are read in any spelling and written in one", () => {
  const same = (text: string, canonical: string, protocol: "tcp" | "udp" | "tls" = "tcp") =>
    assert.equal(formatListenerTarget(parseListenerTarget(text, protocol)), canonical);
  same("tcp://10.0.0.7:5432", "tcp://10.0.0.7:5432");
  same("TCP://DB.example.com:5432/", "tcp://db.example.com:5432");
  same("tcp://[2001:DB8::1]:5432", "tcp://[2001:db8::1]:5432", "tls");
  same("container/db:5432", "container/db:5432", "udp");
  same("udp://10.0.0.2:53", "udp://10.0.0.2:53", "udp");
  const bad: [string, "tcp" | "udp", RegExp][] = [
    ["tcp://10.0.0.2:53", "udp", /no udp:\/\/ address/],
    ["http://10.0.0.2", "tcp", /answers HTTP/],
    ["bucket/site", "tcp", /answers HTTP/],
    ["tcp://10.0.0.2", "tcp", /must be said/],
    ["container/db", "tcp", /no tcp/],
    ["container/DB:1", "tcp", /a name is/],
    ["tcp://127.1:80", "tcp", /no name and no address/],
    ["tcp://0x7f000001:80", "tcp", /no name and no address/],
    ["tcp://2130706433:80", "tcp", /no name and no address/],
    ["tcp://[::1:80", "tcp", /no tcp/],
    ["tcp://[fe80::1%eth0]:80", "tcp", /./],
    ["tcp://*.example.com:80", "tcp", /wildcard/],
    ["tcp://u@h:80", "tcp", /no tcp/],
  ];
  for (const [text, protocol, why] of bad) assert.throws(() => parseListenerTarget(text, protocol), why, text);
});
