/** Connections that are made for nobody any more. */
import { equal } from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";

test("a check that ends while it connects leaves no connection behind", async () => {
  const found = Promise.withResolvers<readonly string[]>();
  let asked = 0;
  const resolve = () => {
    asked++;
    return found.promise;
  };
  await using world = await ProxyWorld.start({ upstreamIdleMs: 50 }, { resolve });
  const open = new Set<Socket>();
  let taken = 0;
  const port = await world.listen((socket) => {
    taken++;
    open.add(socket);
    socket.on("end", () => socket.end());
    socket.on("close", () => open.delete(socket));
    socket.resume();
  });
  const backend = { kind: "tcp", host: "backend.example", port, tls: false, basePath: "", name: "b" } as const;
  const care = { health: { intervalMs: 20, path: "/" } } as const;
  world.setEntries([
    { id: "route", host: "app.example", path: "/", upstream: { id: "up", backends: [backend], reach: "any", care } },
  ]);
  await until(() => asked > 0, "it connects");
  world.setEntries([]);
  found.resolve(["127.0.0.1"]);
  await until(() => taken > 0, "a connection");
  await until(() => open.size === 0, "its end");
  equal(world.proxy.stats().upstreamConnections, 0);
});
