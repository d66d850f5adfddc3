/** Clients and upstreams that do anything at any time: at the end nothing is left, and no answer was mixed up. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";
import { createSimRandom } from "../../testing/sim-random.ts";

const CLIENTS = 24;
const TURNS = 12;

async function misbehaving(world: ProxyWorld, pick: (below: number) => number): Promise<void> {
  await world.upstream(({ line, body }, socket) => {
    const text = `<${line.split(" ")[1]}>${"x".repeat(pick(40_000))}${body.length}!`;
    const whole = `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
    switch (pick(12)) {
      case 0:
        socket.resetAndDestroy();
        return undefined;
      case 1:
        socket.end(whole.slice(0, pick(whole.length)), "latin1");
        return undefined;
      case 2:
        socket.write(whole.slice(0, 30), "latin1");
        setTimeout(() => socket.write(whole.slice(30), "latin1"), pick(20));
        return undefined;
      case 3:
        return "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<evil>end";
      case 4:
        return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
      case 5:
        return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n${text}\r\nnonsense`;
      case 6:
        // Never answers.
        return undefined;
      default:
        return whole;
    }
  });
}

async function client(world: ProxyWorld, name: string, pick: (below: number) => number): Promise<void> {
  const raw = await world.connect();
  const paths: string[] = [];
  for (let turn = 0; turn < 1 + pick(4); turn++) {
    const path = `/${name}-${turn}`;
    paths.push(path);
    const body = "y".repeat(pick(3) === 0 ? pick(100_000) : 0);
    const bytes = `POST ${path} HTTP/1.1\r\nHost: app.example\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    raw.write(pick(8) === 0 ? bytes.slice(0, pick(bytes.length)) : bytes);
    if (pick(3) === 0) await sleep(pick(10));
  }
  const end = pick(4);
  if (end === 0) raw.socket.resetAndDestroy();
  else if (end === 1) raw.socket.end();
  await sleep(pick(150));
  raw.socket.destroy();
  // Answers carry the path that was asked for, in the order in which they were asked.
  const answered = [...raw.text.matchAll(/<(\/\d[^>]*)>/g)].map((match) => match[1] as string);
  deepEqual(
    answered,
    paths.filter((path) => answered.includes(path)),
  );
  ok(!raw.text.includes("evil"));
}

for (const seed of [1, 2, 3]) {
  test(`anything at any time, seed ${seed}`, async () => {
    const pick = createSimRandom(seed).below;
    await using world = await ProxyWorld.start({
      ...{
        upstreamHeadMs: 100,
        upstreamBodyIdleMs: 100,
        upstreamIdleMs: 100,
        connectMs: 1000,
        clientBodyIdleMs: 100,
        maxUpstreamConnections: 8,
        lingerMs: 50,
      },
    });
    await misbehaving(world, pick);
    await Promise.all(
      Array.from({ length: CLIENTS }, async (_, i) => {
        for (let turn = 0; turn < TURNS; turn++) await client(world, `${i}-${turn}`, pick);
      }),
    );
    const stats = (): readonly number[] => {
      const { connections, inFlight, upstreamConnections } = world.proxy.stats();
      return [connections, inFlight, upstreamConnections];
    };
    await until(() => stats().every((count) => count === 0), `nothing is left: ${stats()}`);
    const { requests, byClass } = world.proxy.stats();
    equal(world.records.length, requests);
    equal(
      byClass.reduce((sum, one) => sum + one, 0),
      requests,
    );
    ok((byClass[0] ?? 0) > 0 && (byClass[2] ?? 0) > 0 && (byClass[5] ?? 0) > 0, JSON.stringify(byClass));
  });
}
