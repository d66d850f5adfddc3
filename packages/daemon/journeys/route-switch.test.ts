/** Blue-green through real workers: nothing fails, and nothing begun after a switch has answered reaches the target before. */
import { deepEqual, equal } from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { Agent, createServer, request } from "node:http";
import { type ClientHttp2Session, connect } from "node:http2";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { startTestCluster } from "../src/testing/test-cluster.ts";

const HOST = "app.example.com";
const CLIENTS = 6;
const SWITCHES = 12;

/** Gives what came: status and body. */
type Ask = () => Promise<string>;

function askHttp1(base: string, agent: Agent): Promise<string> {
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

function askHttp2(session: ClientHttp2Session): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const stream = session.request({ ":path": "/", ":authority": HOST });
  let text = "";
  stream.on("response", (headers) => {
    text = `${headers[":status"]} `;
  });
  stream.setEncoding("utf8").on("data", (part) => {
    text += part;
  });
  stream.on("end", () => resolve(text)).on("error", reject);
  return promise;
}

/** Their process ids. */
async function workers(): Promise<number[]> {
  const all = (await readFile(`/proc/${process.pid}/task/${process.pid}/children`, "utf8"))
    .trim()
    .split(" ")
    .map(Number);
  const commands = await Promise.all(all.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return all.filter((_, at) => commands[at]?.includes("gateway/worker"));
}

/** Answers with its name, a moment later: requests are under way whenever something changes. */
async function startUpstream(name: string) {
  const server = createServer((_, response) => setTimeout(() => response.end(name), 3)).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, to: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test("a switch under load loses no request, and holds for all that begin after it has answered", async () => {
  const [blue, green] = [await startUpstream("blue"), await startUpstream("green")];
  const agents = Array.from({ length: CLIENTS }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const sessions: ClientHttp2Session[] = [];
  try {
    await using cluster = await startTestCluster({
      argv: ["--gateway-workers", "2", "--listen-http", "127.0.0.1:0", "--listen-https", "127.0.0.1:0"],
    });
    const base = cluster.node.gateway.httpUrl ?? "";
    const made = await cluster.admin.call(routeRoutes.create, { body: { spec: { host: HOST, to: blue.to } } });
    for (let n = 0; n < CLIENTS; n++) sessions.push(connect(base).on("error", () => undefined));
    const asks: Ask[] = [
      ...agents.map((agent) => () => askHttp1(base, agent)),
      ...sessions.map((session) => () => askHttp2(session)),
    ];
    const wrong: string[] = [];
    let answers = 0;
    /** The answer of the target before the last switch, once that has answered. */
    let before: string | undefined;
    let isDone = false;
    const one = async (ask: Ask): Promise<void> => {
      const forbidden = before;
      const got = await ask().catch(String);
      answers++;
      if (!["200 blue", "200 green"].includes(got) || got === forbidden) wrong.push(`${got}, not ${forbidden}`);
    };
    const load = asks.map(async (ask) => {
      while (!isDone) await one(ask);
    });
    const switchTo = async (body: object) => {
      before = undefined;
      return cluster.admin.call(routeRoutes.switch, { params: { name: made.meta.name }, body });
    };
    for (let n = 0; n < SWITCHES; n++) {
      const from = n % 2 === 0 ? blue : green;
      const { spec, status } = await switchTo(n === 0 ? { to: green.to } : { back: true });
      before = from === blue ? "200 blue" : "200 green";
      // On connections of their own, too: whichever worker takes them.
      await Promise.all(Array.from({ length: 8 }, () => one(() => askHttp1(base, new Agent()))));
      deepEqual([spec.to, status?.previousTo], from === blue ? [green.to, blue.to] : [blue.to, green.to]);
      const wanted = answers + 3 * asks.length;
      while (answers < wanted) await one(() => askHttp1(base, new Agent()));
    }
    isDone = true;
    await Promise.all(load);
    deepEqual(wrong, []);

    // A worker that stands still runs the old table: the switch answers when it is replaced, not before.
    const [worker] = await workers();
    process.kill(worker as number, "SIGSTOP");
    await switchTo({ to: green.to });
    equal((await workers()).includes(worker as number), false);
    equal(answers >= SWITCHES * (8 + 3 * asks.length), true);
  } finally {
    for (const session of sessions) session.destroy();
    for (const agent of agents) agent.destroy();
    for (const { server } of [blue, green]) {
      server.closeAllConnections();
      server.close();
    }
  }
});
