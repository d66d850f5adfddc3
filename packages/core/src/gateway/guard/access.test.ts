import { deepEqual, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { connect, constants } from "node:http2";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { test } from "node:test";
import { eventually, L4World } from "../../testing/l4-world.ts";
import { ProxyWorld } from "../../testing/proxy-world.ts";
import type { Backend } from "../table.ts";
import { type CompiledAccess, compileAccess, explainAccess, refusesAddress } from "./access.ts";
import { LiveLists } from "./live-lists.ts";
import { NetworkLists } from "./network-lists.ts";

const GET = "GET / HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

function rules(allow: readonly string[] | undefined, block?: readonly string[]): CompiledAccess {
  const compiled = compileAccess({ ...(allow && { allow }), ...(block && { block }) }, (name) =>
    name === "gone" ? undefined : `uid-of-${name}`,
  );
  ok(typeof compiled !== "string");
  return compiled;
}

/** As the store would have it. */
function listsOf(all: Readonly<Record<string, string>>): NetworkLists {
  const live = new LiveLists();
  const lists = new NetworkLists();
  for (const [name, entries] of Object.entries(all)) {
    const list = { kind: "iplist", meta: { uid: `uid-of-${name}` }, spec: { entries } } as never;
    lists.apply(live.put(`/iplist/p/${name}`, list).putLists);
  }
  return lists;
}

test("block wins, then those alone who are allowed; who cannot be told is refused", () => {
  const lists = listsOf({ office: "192.0.2.0/24\n2001:db8::/32", bad: "192.0.2.66" });
  const both = rules(["iplist/office", "10.0.0.0/8"], ["iplist/bad", "10.6.0.0/16"]);
  for (const [ip, isRefused] of [
    ["192.0.2.1", false],
    ["::ffff:192.0.2.1", false],
    ["192.0.2.66", true],
    ["::ffff:192.0.2.66", true],
    ["::ffff:c000:242", true],
    ["10.5.0.1", false],
    ["10.6.0.1", true],
    ["11.0.0.1", true],
    ["2001:db8::7", false],
    ["2001:db9::7", true],
    ["unknown", true],
    ["", true],
  ] as const) {
    equal(refusesAddress(both, ip, lists), isRefused, ip);
    equal(explainAccess(both, ip, lists).isRefused, isRefused, `${ip} in words`);
  }
  equal(refusesAddress(rules(undefined, ["10.0.0.0/8"]), "11.0.0.1", lists), false);
  equal(refusesAddress(rules(undefined, ["10.0.0.0/8"]), "unknown", lists), true);
  match(explainAccess(both, "192.0.2.66", lists).why, /blocked by 192\.0\.2\.66 of iplist\/bad/);
  match(explainAccess(both, "10.5.0.1", lists).why, /allowed by 10\.0\.0\.0\/8/);
});

test("a list that is not there lets nobody in", () => {
  const none = new NetworkLists();
  equal(refusesAddress(rules(["iplist/office"]), "192.0.2.1", none), true);
  equal(refusesAddress(rules(undefined, ["iplist/office"]), "192.0.2.1", none), true);
  equal(
    compileAccess({ block: ["iplist/gone"] }, () => undefined),
    "there is no iplist gone",
  );
});

async function guarded(
  access: CompiledAccess,
  lists: NetworkLists,
): Promise<{ world: ProxyWorld; asked: () => number }> {
  const world = await ProxyWorld.start({}, { guards: { lists } });
  const seen = await world.upstream(() => OK);
  const port = await world.listen((socket) => void socket.on("data", () => socket.write(OK)));
  const backends: Backend[] = [{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" }];
  const upstream = { backends, reach: "any" } as const;
  world.setEntries([{ id: "r", host: "app.example", path: "/", upstream, guard: { access } }]);
  return { world, asked: () => seen.length };
}

test("clients of HTTP/1.1 and HTTP/2: 403, and nothing goes to the upstream; a list that changes holds at once", async () => {
  const lists = listsOf({ bad: "127.0.0.1" });
  const { world, asked } = await guarded(rules(undefined, ["iplist/bad"]), lists);
  await using _ = world;
  match(await world.exchange(GET), /^HTTP\/1\.1 403 [\s\S]*"code":"forbidden","reason":"address"/);
  const session = connect(`http://127.0.0.1:${world.port}`);
  const statusOf = async (): Promise<number> => {
    const stream = session.request({ ":authority": "app.example" });
    const [headers] = (await once(stream, "response")) as [Record<string, number>];
    stream.close(constants.NGHTTP2_NO_ERROR);
    return headers[":status"] as number;
  };
  equal(await statusOf(), 403);
  equal(asked(), 0);
  lists.apply(listsOf({ bad: "127.0.0.2" }).encodeAll());
  match(await world.exchange(GET), /^HTTP\/1\.1 200/);
  equal(await statusOf(), 200);
  session.destroy();
  deepEqual(world.records.map(({ status, error }) => `${status} ${error}`).slice(0, 2), [
    "403 forbidden/address",
    "403 forbidden/address",
  ]);
});

test("below HTTP a listener of both families: IPv4 comes as IPv6, and is blocked as IPv4", async () => {
  await using world = await L4World.start();
  let taken = 0;
  const backend = await world.listen((socket) => {
    taken++;
    socket.end("hello");
  });
  const entry = { id: "r", protocol: "tcp", host: "", port: 7, reach: "any" } as const;
  const put = (access: CompiledAccess): void =>
    world.path.apply([{ ...entry, backends: [{ host: "127.0.0.1", port: backend }], access }], []);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    match(socket.remoteAddress ?? "", /^::ffff:127/);
    world.path.accept(socket, 7);
  });
  server.listen(0, "::");
  await once(server, "listening");
  try {
    const { port } = server.address() as AddressInfo;
    put(rules(undefined, ["127.0.0.0/8"]));
    const refused = await world.client(port);
    await eventually("it is reset", () => refused.closed);
    deepEqual([refused.text, taken, world.counters("r").refused], ["", 0, 1]);
    put(rules(["127.0.0.1"]));
    const allowed = await world.client(port);
    await eventually("it is served", () => allowed.ended);
    deepEqual([allowed.text, taken], ["hello", 1]);
    allowed.socket.end();
    await eventually("it has ended", () => allowed.closed);
  } finally {
    server.close();
  }
});
