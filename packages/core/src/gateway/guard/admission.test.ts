import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import type { RoutePriority } from "../../domain/route-limits.ts";
import { ProxyWorld } from "../../testing/proxy-world.ts";
import { Admission } from "./admission.ts";

const LIMITS = { maxInFlight: 100, shedDelayMs: 100, shedEveryMs: 100 };

/** A loop whose turns take as long as a test says. */
class Loop {
  nowMs = 1000;
  #after: (() => void)[] = [];
  readonly admission = new Admission({
    limits: LIMITS,
    monotonicMs: () => this.nowMs,
    afterTurn: (run) => this.#after.push(run),
  });

  /** How many of these requests, one of each priority after another, are refused in a turn that takes so long. */
  turn(tookMs: number, requests = 30): Record<RoutePriority, number> {
    const refused = { low: 0, normal: 0, high: 0 };
    for (let i = 0; i < requests; i++) {
      for (const priority of ["low", "normal", "high"] as const) {
        if (this.admission.refuses(priority, 1, this.nowMs)) refused[priority]++;
      }
    }
    this.nowMs += tookMs;
    for (const run of this.#after.splice(0)) run();
    return refused;
  }

  /** The same in many turns. */
  turns(count: number, tookMs: number): Record<RoutePriority, number> {
    const all = { low: 0, normal: 0, high: 0 };
    for (let i = 0; i < count; i++) {
      const refused = this.turn(tookMs);
      for (const priority of ["low", "normal", "high"] as const) all[priority] += refused[priority];
    }
    return all;
  }
}

const NONE = { low: 0, normal: 0, high: 0 };

test("short turns refuse nobody, and neither does a long one now and then", () => {
  const loop = new Loop();
  deepEqual(loop.turns(500, 20), NONE);
  for (let i = 0; i < 50; i++) deepEqual([loop.turn(900), loop.turns(60, 5)], [NONE, NONE]);
});

test("turns that stay long refuse low ones first and high ones last, and more the longer they are", () => {
  const loop = new Loop();
  loop.turns(3, 150);
  const some = loop.turns(9, 150);
  ok(some.low > some.normal && some.normal > 0 && some.high === 0, JSON.stringify(some));
  const most = loop.turns(10, 400);
  ok(most.normal > some.normal && most.low > most.high, JSON.stringify(most));
  loop.turns(60, 400);
  ok(loop.turn(400).high > 0, "in the end all of them");
});

test("when the turns are short again all are taken again, also after a pause", () => {
  const loop = new Loop();
  loop.turns(50, 400);
  ok(loop.turn(400).normal > 0);
  loop.turns(500, 10);
  deepEqual(loop.turns(20, 10), NONE);
  loop.turns(50, 400);
  ok(loop.turn(400).normal > 0);
  loop.nowMs += 5000;
  deepEqual(loop.turn(10), NONE);
});

test("requests in flight: low ones leave room for others", () => {
  const { admission, nowMs } = new Loop();
  const refused = (inFlight: number) =>
    (["low", "normal", "high"] as const).filter((priority) => admission.refuses(priority, inFlight, nowMs));
  deepEqual(
    [refused(60), refused(61), refused(91), refused(101)],
    [[], ["low"], ["low", "normal"], ["low", "normal", "high"]],
  );
});

test("four times of what a worker can do: some get 503 at once, the others their answer, the low ones last", async () => {
  const CLIENTS = 80;
  const ROUNDS = 12;
  let most = 0;
  const world = await ProxyWorld.start(
    { shedDelayMs: 4, shedEveryMs: 10 },
    {
      // An answer costs 1 ms, a refusal next to nothing: all clients together ask for 80 ms of work at once.
      onRequest: ({ status }) => {
        const endMs = performance.now() + (status === 200 ? 1 : 0);
        while (performance.now() < endMs);
      },
    },
  );
  await using _ = world;
  const port = await world.listen((socket) =>
    socket.on("data", (bytes: Buffer) => {
      most = Math.max(most, world.proxy.stats().inFlight);
      for (let i = bytes.toString("latin1").split("\r\n\r\n").length - 1; i > 0; i--)
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }),
  );
  const backends = [{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" }] as const;
  const upstream = { backends, reach: "any" } as const;
  const entries = (["low", "high"] as const).map((priority) => {
    return { id: priority, host: `${priority}.example`, path: "/", upstream, guard: { priority } };
  });
  world.setEntries(entries);
  const counts: Record<string, number> = {};
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, n) => {
      const priority = n % 2 === 0 ? "low" : "high";
      const client = await world.connect();
      for (let round = 0; round < ROUNDS; round++) {
        client.text = "";
        client.write(`GET / HTTP/1.1\r\nHost: ${priority}.example\r\n\r\n`);
        while (!/\r\n\r\n(ok|\{.*\n)$/s.test(client.text)) await new Promise((resolve) => setTimeout(resolve, 1));
        const status = client.text.slice(9, 12);
        if (status === "503") match(client.text, /Retry-After: 1\r\n[\s\S]*"reason":"overload"/);
        counts[`${priority} ${status}`] = (counts[`${priority} ${status}`] ?? 0) + 1;
      }
    }),
  );
  const of = (name: string): number => counts[name] ?? 0;
  equal(of("low 200") + of("low 503") + of("high 200") + of("high 503"), CLIENTS * ROUNDS, JSON.stringify(counts));
  ok(of("low 503") > 0 && of("high 200") > of("low 200"), JSON.stringify(counts));
  ok(most <= CLIENTS && world.proxy.stats().inFlight === 0);
  equal(world.proxy.stats().shed, of("low 503") + of("high 503"));
});
