/** The gateway's own answers, to who asks for a page, and to who may know which route has decided. */
import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:http2";
import { test } from "node:test";
import { ProxyWorld } from "../../testing/proxy-world.ts";
import { compileTable } from "../routing/route-table.ts";
import { signTicket } from "../routing/ticket.ts";
import type { TableEntry } from "../table.ts";

const BROWSER = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n";
const KEY = Buffer.alloc(32, 7);
const NOW_MS = 1_800_000_000_000;

/** Routes that all fail, each for another reason. */
async function failing(): Promise<ProxyWorld> {
  const options = { explainKey: KEY, wallMs: () => NOW_MS };
  const world = await ProxyWorld.start({ upstreamHeadMs: 50 }, options);
  const closed = await world.listen(() => undefined);
  world.stopListening(closed);
  const silent = await world.listen(() => undefined);
  const entry = (host: string, port: number | undefined): TableEntry => ({
    ...{ id: `id of ${host}`, name: host.split(".")[0] as string, project: "mia", host, path: "/" },
    upstream: {
      backends: port === undefined ? [] : [{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" }],
      reach: "any",
    },
  });
  const shown = { ...entry("shown.example", closed), clientTls: { id: "x", mode: "require" as const } };
  const entries = [
    entry("down.example", closed),
    entry("empty.example", undefined),
    entry("slow.example", silent),
    shown,
  ];
  world.proxy.setTable(compileTable(entries), { put: entries, remove: [] });
  return world;
}

const get = (host: string, more = "", line = "GET /x") =>
  `${line} HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`;

function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf("\r\n\r\n") + 4);
}

test("a browser gets a page, everybody else a problem document", async () => {
  await using world = await failing();
  const page = await world.exchange(get("down.example", BROWSER));
  match(page, /^HTTP\/1\.1 502 Bad Gateway\r\n/);
  match(page, /\r\nContent-Type: text\/html; charset=utf-8\r\n/);
  match(page, /\r\nContent-Security-Policy: default-src 'none'/);
  match(page, /\r\nCache-Control: no-store\r\n/);
  const body = bodyOf(page);
  equal(Number(/Content-Length: (\d+)/.exec(page)?.[1]), body.length);
  const id = /X-Request-Id: (\S+)/.exec(page)?.[1] ?? "";
  ok(body.includes("<h1>502 Bad Gateway</h1>") && body.includes(id) && body.includes("unavailable/upstream"), body);
  match(body, /refused the connection/);
  doesNotMatch(body, /127\.0\.0\.1|:\d{4,5}|<script|src=|href=/);
  match(await world.exchange(get("nobody.example", BROWSER)), /<h1>404 Not Found<\/h1>/);
  for (const accept of ["", "Accept: */*\r\n", "Accept: application/json, text/html;q=0.9\r\n"]) {
    const answer = await world.exchange(get("down.example", accept));
    match(answer, /Content-Type: application\/problem\+json\r\n/);
    equal(JSON.parse(bodyOf(answer)).reason, "upstream");
  }
});

test("HEAD gets the length of the page, and not the page", async () => {
  await using world = await failing();
  const whole = await world.exchange(get("down.example", `${BROWSER}X-Request-Id: same\r\n`));
  const head = await world.exchange(get("down.example", `${BROWSER}X-Request-Id: same\r\n`, "HEAD /x"));
  equal(bodyOf(head), "");
  equal(/Content-Length: \d+/.exec(head)?.[0], /Content-Length: \d+/.exec(whole)?.[0]);
});

test("what is no request is not asked what it prefers", async () => {
  await using world = await failing();
  match(await world.exchange(`GET /x HTTP/1.1\r\n${BROWSER}Host: a b\r\n\r\n`), /400[\s\S]*application\/problem\+json/);
});

test("an own answer says which route has decided to who has a ticket of its project, and to nobody else", async () => {
  await using world = await failing();
  const routes = async (host: string, ticket: string | undefined): Promise<string> => {
    const answer = await world.exchange(get(host, ticket === undefined ? "" : `X-Skerry-Explain: ${ticket}\r\n`));
    const said = [...answer.matchAll(/X-Skerry-Route: (.*)\r\n/g)].map(([, what]) => what);
    return [/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1], ...said].join(" ");
  };
  const good = signTicket(KEY, "mia", NOW_MS + 1000);
  const other = signTicket(KEY, "zoe", NOW_MS + 1000);
  for (const [name, status] of [
    ["down", 502],
    ["empty", 502],
    ["slow", 504],
    ["shown", 403],
  ] as const) {
    equal(await routes(`${name}.example`, good), `${status} ${name}; rule="all paths"`);
    for (const ticket of [undefined, other, "", `${good}x`])
      equal(await routes(`${name}.example`, ticket), `${status}`);
  }
  equal(await routes("nobody.example", good), "404");
});

test("over HTTP/2 as well", async () => {
  await using world = await failing();
  const client = connect(`http://127.0.0.1:${world.port}`);
  const ticket = signTicket(KEY, "mia", NOW_MS + 1000);
  const headers = { ":authority": "down.example", accept: "text/html", "x-skerry-explain": ticket };
  const stream = client.request(headers);
  const [answer] = await once(stream, "response");
  const body = (await stream.setEncoding("utf8").toArray()).join("");
  deepEqual(
    [answer[":status"], answer["content-type"], answer["x-skerry-route"]],
    [502, "text/html; charset=utf-8", 'down; rule="all paths"'],
  );
  match(body, /<h1>502 Bad Gateway<\/h1>/);
  client.close();
});
