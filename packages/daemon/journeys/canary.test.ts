/** A canary through a real daemon and its workers: it goes on after kill -9, and is led back when it fails. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { type RouteView, routeRoutes } from "@skerry/core/contract/api/route.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { startDaemonProcess } from "../src/testing/daemon-process.ts";
import { until } from "../src/testing/raw-peers.ts";

const CLIENTS = 6;
const params = { name: "app" };

/** Answers with its name, or fails. */
async function startUpstream(name: string) {
  const state = { fails: false };
  const server = createServer((_, response) => {
    response.statusCode = state.fails ? 500 : 200;
    response.end(name);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, state, to: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Status and body; what went wrong with the connection. */
function ask(base: string, host: string, agent: Agent): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const sent = request(base, { agent, headers: { host } }, (response) => {
    let text = `${response.statusCode} `;
    response.setEncoding("utf8").on("data", (part) => {
      text += part;
    });
    response.on("end", () => resolve(text)).on("error", (error) => resolve(String(error)));
  });
  sent.on("error", (error) => resolve(String(error))).end();
  return promise;
}

/** Asks both hosts all the time, and counts what comes. */
function startLoad(base: () => string) {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const counts = new Map<string, number>();
  let isOver = false;
  const loads = Array.from({ length: CLIENTS }, async (_, n) => {
    while (!isOver) {
      const host = n % 2 === 0 ? "app.example.com" : "other.example.com";
      const got = `${host} ${await ask(base(), host, agent)}`;
      counts.set(got, (counts.get(got) ?? 0) + 1);
      await sleep(2);
    }
  });
  return {
    counts,
    async [Symbol.asyncDispose]() {
      isOver = true;
      await Promise.all(loads);
      agent.destroy();
    },
  };
}

async function canaryOf(client: Client): Promise<NonNullable<NonNullable<RouteView["status"]>["canary"]>> {
  const { status } = await client.call(routeRoutes.get, { params });
  return status?.canary ?? { phase: "aborted", percent: -1, since: "", why: "there is none" };
}

test("a canary goes on after kill -9 of the daemon; when it fails it gets no request more, and others never notice", async () => {
  await using parts = new AsyncDisposableStack();
  const data = await mkdtemp(join(tmpdir(), "skerry-canary-"));
  parts.defer(() => rm(data, { recursive: true, force: true }));
  const [stable, next] = [await startUpstream("stable"), await startUpstream("next")];
  for (const { server } of [stable, next]) {
    parts.defer(() => {
      server.close();
      server.closeAllConnections();
    });
  }
  const workers = ["--gateway-workers", "2"];
  const first = parts.use(await startDaemonProcess({ data, argv: workers }));
  const base = first.httpUrl ?? "";
  let admin = first.client(await first.login());
  const other = { name: "other", spec: { host: "other.example.com", to: stable.to } };
  await admin.call(routeRoutes.create, { body: other });
  const variants = [
    { name: "stable", to: stable.to },
    { name: "next", to: next.to, weight: 0 },
  ];
  const canary = { variant: "next", steps: [20, 40, 60, 80], every: "2s", minRequests: 20 };
  const spec = { host: "app.example.com", split: { variants }, canary };
  await admin.call(routeRoutes.create, { body: { name: "app", spec } });
  const load = parts.use(startLoad(() => base));
  await until("it has taken a step", async () => (await canaryOf(admin)).percent === 40);

  await first.kill();
  const listen = ["--listen-http", new URL(base).host];
  const second = parts.use(await startDaemonProcess({ data, argv: [...workers, ...listen] }));
  admin = second.client(await second.login());
  const found = await canaryOf(admin);
  deepEqual([found.phase, found.percent], ["running", 40]);
  load.counts.clear();
  await until("it goes on", async () => (await canaryOf(admin)).percent === 60);
  // Those that began while nobody listened have been told so by now.
  load.counts.clear();

  next.state.fails = true;
  await until("it is led back", async () => (await canaryOf(admin)).phase === "rolled-back");
  // When this has answered all workers have what was before it, too.
  const { spec: after, status } = await admin.call(routeRoutes.update, { params, body: { labels: { seen: "yes" } } });
  deepEqual(
    after.split?.variants.map(({ weight }) => weight),
    [1, 0],
  );
  equal(status?.canary?.percent, 0);
  const told = new Map(load.counts);
  load.counts.clear();
  await until("requests have come since", () => (load.counts.get("app.example.com 200 stable") ?? 0) >= 200);
  const late = load.counts.get("app.example.com 500 next") ?? 0;
  // Under way at each client when it was led back.
  ok(late <= CLIENTS, `${late} requests got the canary after it was led back`);
  const wrong = [...told.keys(), ...load.counts.keys()].filter(
    (got) => !["app.example.com 200 stable", "app.example.com 200 next", "app.example.com 500 next"].includes(got),
  );
  deepEqual(new Set(wrong), new Set(["other.example.com 200 stable"]));
  const { items } = await admin.call(nodeRoutes.audit, { query: { limit: 20 } });
  const moves = items.map(({ action }) => action).filter((action) => action.startsWith("route.canary."));
  deepEqual([...new Set(moves)], ["route.canary.rollback", "route.canary.step"]);
});
