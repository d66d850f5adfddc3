/** Routes that ask for more than host and path, with real bytes: what reaches whom. */
import { deepEqual, match, ok } from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { LIMITS } from "../../domain/limits.ts";
import type { RouteMatch } from "../../domain/route-match.ts";
import { ProxyWorld } from "../../testing/proxy-world.ts";
import { signTicket } from "../routing/ticket.ts";
import type { TableEntry } from "../table.ts";
import type { ProxyOptions } from "./context.ts";

const HOST = "Host: app.example\r\n";

/** Each route leads to an upstream of its own, which answers with the route's name and what it has got. */
async function startWorld(
  routes: Readonly<Record<string, { path: string; match?: RouteMatch }>>,
  options: Partial<ProxyOptions> = {},
): Promise<ProxyWorld> {
  const world = await ProxyWorld.start({}, options);
  const entries: TableEntry[] = [];
  for (const [name, { path, match: asks }] of Object.entries(routes)) {
    const port = await world.listen((socket: Socket) => {
      let text = "";
      socket.on("data", (bytes: Buffer) => {
        text += bytes.toString("latin1");
        for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
          const head = text.slice(0, end);
          seenHead = head;
          text = text.slice(end + 4);
          const body = `<${name} ${/x-api: *(\S*)/i.exec(head)?.[1] ?? "-"}>`;
          socket.write(`HTTP/1.1 200 OK\r\nX-Skerry-Route: a lie\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
        }
      });
      socket.on("end", () => socket.end());
    });
    const backends = [{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" }] as const;
    entries.push({
      id: name,
      name,
      project: "mia",
      host: "app.example",
      path,
      ...(asks && { match: asks }),
      upstream: { backends, reach: "any" },
    });
  }
  world.setEntries(entries);
  return world;
}

/** What the upstreams were sent last. */
let seenHead = "";

const V2 = { headers: [{ name: "x-api", type: "exact", value: "v2" }] } as const;

test("requests of one connection go each where its own head says, also sent all at once", async () => {
  await using world = await startWorld({
    all: { path: "/" },
    v2: { path: "/", match: V2 },
    post: { path: "/", match: { methods: ["POST"] } },
    users: { path: "^/v\\d+/u", match: { path: "regex" } },
    beta: { path: "/", match: { cookies: [{ name: "beta", type: "exact", value: "1" }] } },
    debug: { path: "/", match: { query: [{ name: "debug", type: "present" }] } },
  });
  const request = (line: string, more = "") => `${line} HTTP/1.1\r\n${HOST}${more}\r\n`;
  const answer = await world.exchange(
    [
      request("GET /"),
      request("GET /", "X-Api: v2\r\n"),
      request("GET /"),
      request("POST /", "Content-Length: 0\r\nx-api: v2\r\n"),
      request("GET /v12/users?debug=1", "X-API: v2\r\n"),
      request("GET /?debug", "Cookie: a=1; beta=1\r\n"),
      request("GET /", "Cookie: a=1; beta=1\r\n"),
      request("GET /", "X-Api: v2\r\nX-Api: v2\r\n"),
      request("GET /", "Connection: close\r\n"),
    ].join(""),
  );
  const taken = [...answer.matchAll(/<(\w+) (\S+)>/g)].map(([, name, seen]) => `${name} ${seen}`);
  deepEqual(taken, ["all -", "v2 v2", "all -", "post v2", "users v2", "debug -", "beta -", "all v2", "all -"]);
});

test("a header that goes no further decides nothing: what is matched is what the upstream sees", async () => {
  await using world = await startWorld({ all: { path: "/" }, v2: { path: "/", match: V2 } });
  for (const lines of ["Connection: close, X-Api\r\nX-Api: v2\r\n", "X_Api: v2\r\nConnection: close\r\n"]) {
    match(await world.exchange(`GET / HTTP/1.1\r\n${HOST}${lines}\r\n`), /<all ->/);
  }
});

test("an answer says which route has decided to who has a ticket of its project, and to nobody else", async () => {
  const key = Buffer.alloc(32, 1);
  let nowMs = 1_790_000_000_000;
  const untilMs = nowMs + LIMITS.gateway.explainTicketMs;
  await using world = await startWorld(
    { all: { path: "/" }, v2: { path: "/", match: V2 } },
    { explainKey: key, wallMs: () => nowMs },
  );
  const ask = async (ticket: string, more = "") => {
    const answer = await world.exchange(
      `GET / HTTP/1.1\r\n${HOST}X-Skerry-Explain: ${ticket}\r\n${more}Connection: close\r\n\r\n`,
    );
    ok(!/x-skerry-explain/i.test(seenHead), `the upstream got the ticket: ${seenHead}`);
    return [...answer.matchAll(/X-Skerry-Route: (.*)\r\n/g)].map(([, said]) => said);
  };
  const good = signTicket(key, "mia", untilMs);
  deepEqual(await ask(good), ['all; rule="all paths"']);
  deepEqual(await ask(good, "X-Api: v2\r\n"), ['v2; rule="all paths, headers"']);
  const tampered = good.replace(/[A-Za-z0-9_-](?=[A-Za-z0-9_-]{42}$)/, (one) => (one === "A" ? "B" : "A"));
  for (const [what, ticket] of [
    ["another project's", signTicket(key, "zoe", untilMs)],
    ["another key's", signTicket(Buffer.alloc(32, 2), "mia", untilMs)],
    ["longer than any", signTicket(key, "mia", untilMs + 1)],
    ["over", signTicket(key, "mia", nowMs)],
    ["changed", tampered],
    ["another's project", good.replace("mia", "zoe")],
    ["later", good.replace(/^\d+/, `${untilMs - 1}`)],
    ["empty", ""],
    ["long", "x".repeat(2000)],
    ["two", `${good}\r\nX-Skerry-Explain: ${good}`],
  ] as const) {
    deepEqual(await ask(ticket), ["a lie"], what);
  }
  nowMs = untilMs;
  deepEqual(await ask(good), ["a lie"]);
});

test("a path as long as may be costs a pattern that hangs others nothing", async () => {
  await using world = await startWorld({ all: { path: "/" }, slow: { path: "^/(a+)+$", match: { path: "regex" } } });
  const longest = `/${"a".repeat(LIMITS.proxy.maxTargetBytes - 2)}`;
  match(await world.exchange(`GET ${longest} HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`), /<slow ->/);
  match(
    await world.exchange(`GET ${longest.slice(1)}! HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`),
    /^HTTP\/1\.1 400/,
  );
  match(await world.exchange(`GET ${longest.slice(0, -1)}! HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`), /<all ->/);
});

test("what others may read as a path of another route is refused, for exact paths and patterns too", async () => {
  await using world = await startWorld({
    all: { path: "/" },
    admin: { path: "/admin", match: { path: "exact" } },
    users: { path: "^/v\\d+/u", match: { path: "regex" } },
  });
  for (const path of [
    "/%61dmin",
    "//admin",
    "/admin%2f..%2fx",
    "/./admin",
    "/admin;x",
    "/v1%2fu",
    "/v%31/u",
    "//v1/u",
    "/x/..;/admin",
    "/\\admin",
  ]) {
    const answer = await world.exchange(`GET ${path} HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
    match(answer, /^HTTP\/1\.1 400/, path);
    ok(!answer.includes("<"), path);
  }
});
