/** Rollbacks through real workers under load: no request is lost, none sees half of one, and a kill -9 leaves all or nothing. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gatewayRoutes } from "@skerry/core/contract/api/gateway.ts";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { startDaemonProcess } from "../src/testing/daemon-process.ts";
import { startTestCluster } from "../src/testing/test-cluster.ts";

const HOST = "app.example.com";
const CLIENTS = 6;
const FULL = process.env["SKERRY_TEST_TIER"] === "full";
/** Each is two changes and a rollback: 51 generations in the full tier. */
const ROUNDS = FULL ? 17 : 4;
/** After how long it is killed, each time. */
const KILLS_MS = FULL ? [0, 1, 2, 3, 4, 6, 8, 10, 15, 20] : [2, 8];
const BLUE = "200 blue /blue";
const GREEN = "200 green /green";
/** Between the two changes that lead from blue to green. */
const BETWEEN = "200 green /blue";

async function startUpstream(name: string) {
  const server = createServer(({ url }, response) => setTimeout(() => response.end(`${name} ${url}`), 2));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, to: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Gives status and body. */
function ask(base: string, agent: Agent): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const sent = request(base, { agent, headers: { host: HOST } }, (response) => {
    let text = `${response.statusCode} `;
    response.setEncoding("utf8").on("data", (part) => {
      text += part;
    });
    response.on("end", () => resolve(text)).on("error", reject);
  });
  sent.on("error", reject).end();
  return promise;
}

async function makeBlue(client: Client, to: string): Promise<number> {
  await client.call(upstreamRoutes.create, { body: { name: "web", spec: { backends: [{ name: "a", to }] } } });
  const spec = { host: HOST, to: "upstream/web", rewrite: { path: "/blue" } };
  await client.call(routeRoutes.create, { body: { name: "app", spec } });
  return (await client.call(gatewayRoutes.history)).newest;
}

const leadUpstream = (client: Client, to: string) =>
  client.call(upstreamRoutes.update, { params: { name: "web" }, body: { spec: { backends: [{ name: "a", to }] } } });
const rewriteTo = (client: Client, path: string) =>
  client.call(routeRoutes.update, { params: { name: "app" }, body: { spec: { rewrite: { path } } } });

test(`${3 * ROUNDS} changes under load, a third of them rollbacks: nothing is lost, and no request sees half of a rollback`, async (t) => {
  const [blue, green] = [await startUpstream("blue"), await startUpstream("green")];
  const agents = Array.from({ length: CLIENTS }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const fresh = new Agent();
  try {
    await using cluster = await startTestCluster({
      argv: ["--gateway-workers", "2", "--listen-http", "127.0.0.1:0", "--listen-https", "127.0.0.1:0"],
    });
    const base = cluster.node.gateway.httpUrl ?? "";
    const { admin } = cluster;
    const generation = await makeBlue(admin, blue.to);
    /** What may be answered, in its order; the last is what is in force, or will be. */
    const states: string[] = [BLUE];
    let inForce = 0;
    let isDone = false;
    let answers = 0;
    const wrong: string[] = [];
    const one = async (agent: Agent): Promise<void> => {
      const from = inForce;
      const got = await ask(base, agent).catch(String);
      answers++;
      if (!states.slice(from).includes(got)) wrong.push(`${got}, not ${states.slice(from).join(" or ")}`);
    };
    const load = agents.map(async (agent) => {
      while (!isDone) await one(agent);
    });
    const change = async (state: string, work: () => Promise<unknown>): Promise<void> => {
      states.push(state);
      await work();
      inForce = states.length - 1;
      // On connections of their own, too: whichever worker takes them.
      await Promise.all(Array.from({ length: 4 }, () => one(fresh)));
    };
    for (let n = 0; n < ROUNDS; n++) {
      await change(BETWEEN, () => leadUpstream(admin, green.to));
      await change(GREEN, () => rewriteTo(admin, "/green"));
      await change(BLUE, () => admin.call(gatewayRoutes.rollback, { body: { backTo: generation } }));
    }
    isDone = true;
    await Promise.all(load);
    deepEqual(wrong, []);
    equal((await admin.call(gatewayRoutes.history)).newest, generation + 3 * ROUNDS);
    ok(answers > 10 * ROUNDS, `${answers}`);
    t.diagnostic(`${answers} answers`);
  } finally {
    for (const agent of [...agents, fresh]) agent.destroy();
    for (const { server } of [blue, green]) {
      server.closeAllConnections();
      server.close();
    }
  }
});

test("a daemon that is killed in a rollback has done all of it or nothing, and its history says which", async () => {
  const [blue, green] = [await startUpstream("blue"), await startUpstream("green")];
  const directory = await mkdtemp(join(tmpdir(), "skerry-gateway-rollback-"));
  const start = () => startDaemonProcess({ data: join(directory, "data"), argv: ["--gateway-workers", "1"] });
  const agent = new Agent();
  let generation = 0;
  try {
    for (const [n, waitMs] of KILLS_MS.entries()) {
      await using daemon = await start();
      const client = daemon.client(await daemon.login());
      if (n === 0) generation = await makeBlue(client, blue.to);
      const state = await ask(daemon.httpUrl ?? "", agent);
      const { newest, items } = await client.call(gatewayRoutes.history, { query: { limit: 1 } });
      const isBack = n === 0 || items[0]?.backTo === generation;
      equal(state, isBack ? BLUE : GREEN);
      if (!isBack) await client.call(gatewayRoutes.rollback, { body: { backTo: generation } });
      await leadUpstream(client, green.to);
      await rewriteTo(client, "/green");
      equal((await client.call(gatewayRoutes.history)).newest, newest + (isBack ? 2 : 3));
      const rollback = client.call(gatewayRoutes.rollback, { body: { backTo: generation } }).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      await daemon.kill("SIGKILL");
      await rollback;
    }
  } finally {
    agent.destroy();
    for (const { server } of [blue, green]) {
      server.closeAllConnections();
      server.close();
    }
    await rm(directory, { recursive: true, force: true });
  }
});
