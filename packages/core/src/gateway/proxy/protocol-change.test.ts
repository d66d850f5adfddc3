/** A backend that speaks HTTP/1.1 since it was started anew. */
import { deepEqual, equal } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createSecureServer } from "node:http2";
import { createServer } from "node:https";
import type { Socket } from "node:net";
import { test } from "node:test";
import { ask } from "../../testing/delivery-world.ts";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";

test("requests that waited for one connection of HTTP/2 get one each when it speaks HTTP/1.1 now", async () => {
  const folder = new URL("../../../../../fixtures/gateway/tls/", import.meta.url);
  const cert = await readFile(new URL("certificate.pem", folder), "utf8");
  const key = await readFile(new URL("key.pem", folder), "utf8");
  await using world = await ProxyWorld.start(
    { connectMs: 5000 },
    { upstreamCa: [cert], resolve: async () => ["127.0.0.1"] },
  );
  const before = createSecureServer({ cert, key }, (_request, response) => response.end("h2"));
  const after = createServer({ cert, key }, (request, response) => {
    if (request.url !== "/long") response.end("http/1.1");
  });
  const sockets: Socket[] = [];
  let hasChanged = false;
  const allAsk = Promise.withResolvers<void>();
  const port = await world.listen((socket) => {
    sockets.push(socket);
    if (hasChanged) void allAsk.promise.then(() => after.emit("connection", socket));
    else before.emit("connection", socket);
  });
  world.routeTo([{ kind: "tcp", host: "upstream.example", port, tls: true, basePath: "" }]);
  equal((await ask(world, "http/1.1")).body, "h2");
  hasChanged = true;
  for (const socket of sockets) socket.destroy();
  await until(() => world.proxy.stats().upstreamConnections === 0, "its end");
  void ask(world, "http/1.1", { path: "/long" });
  await until(() => world.proxy.stats().inFlight === 1, "the first");
  const others = [1, 2, 3].map(() => ask(world, "http/1.1"));
  await until(() => world.proxy.stats().inFlight === 4, "the others");
  allAsk.resolve();
  deepEqual(
    (await Promise.all(others)).map(({ body }) => body),
    ["http/1.1", "http/1.1", "http/1.1"],
  );
});
