/** Canaries by a clock that stands still: what is judged how, when a step is taken, and what a change meanwhile does. */
import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { SkerryError } from "../../domain/errors.ts";
import type { Route } from "../../domain/gateway.ts";
import { type CanaryText, canonicalCanary, withCanary } from "../../domain/route-canary.ts";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { createCollectingLogger } from "../../testing/sim-telemetry.ts";
import { ROUTE_LATENCY_MS } from "../proxy/latency.ts";
import type { RouteChange } from "../route-next.ts";
import { CanaryController } from "./controller.ts";
import { judge, type Seen } from "./judge.ts";

/** Each of the requests took so long. */
function seen(requests: number, failed = 0, ms = 1): Seen {
  const latency = [...ROUTE_LATENCY_MS, 0].map(() => 0);
  latency[ROUTE_LATENCY_MS.findIndex((bound) => bound >= ms)] = requests;
  return { requests, failed, latency };
}

test("a canary is bad when it fails beyond the limit and the others do not, or far less", () => {
  const canary = canonicalCanary({ variant: "next", maxErrorPercent: 5, maxP95Ms: 100, minRequests: 20 });
  for (const [own, others, kind] of [
    [seen(0), seen(1000), "unsure"],
    [seen(19, 19), seen(1000), "unsure"],
    [seen(20, 1), seen(1000), "good"],
    [seen(20, 2), seen(1000), "bad"],
    [seen(20, 2), seen(0), "bad"],
    [seen(20, 2), seen(1), "bad"],
    // Both fail: chance makes more of one than of the other.
    [seen(100, 55), seen(900, 450), "unsure"],
    [seen(100, 100), seen(900, 900), "unsure"],
    [seen(100, 95), seen(900, 90), "bad"],
    [seen(100, 0), seen(900, 900), "good"],
    [seen(100, 0, 300), seen(900), "bad"],
    [seen(100, 0, 300), seen(900, 0, 400), "unsure"],
    [seen(100, 0, 90), seen(900), "good"],
  ] as const) {
    equal(judge(canary, own, others).kind, kind, `${own.failed}/${own.requests}, ${others.failed}/${others.requests}`);
  }
});

/** One route with a canary of two steps, each of a minute. */
function world(more: Partial<CanaryText> = {}) {
  const clock = createFakeClock();
  const split = {
    variants: [
      { name: "stable", to: "http://a", weight: 1 },
      { name: "next", to: "http://b", weight: 0 },
    ],
  };
  const canary = canonicalCanary({ variant: "next", steps: [10, 100], every: "1m", minRequests: 10, ...more });
  const plain = { host: "a.example", path: "/", anyUpstream: false, split };
  const meta = { uid: "u", name: "r", project: "p" } as Route["meta"];
  const at = { route: { kind: "route", meta, spec: withCanary({}, plain, { canary }, 0) } as Route, revision: 1 };
  const counts = { next: seen(0), stable: seen(0) };
  const moves: string[] = [];
  const routes = {
    find: async () => ({ ...at }),
    async update(_project: string, _name: string, change: RouteChange) {
      if (change.revision !== undefined && change.revision !== at.revision) {
        throw new SkerryError("conflict/precondition", "It has changed.");
      }
      at.route = { ...at.route, spec: withCanary(at.route.spec, at.route.spec, change, clock.wallMs()) };
      at.revision++;
      return { ...at };
    },
  };
  const start = () => {
    const controller = new CanaryController({
      ...{ clock, log: createCollectingLogger(), routes },
      live: () => [{ uid: "u", project: "p", name: "r" }],
      seen: (_uid, variant) => counts[variant as "next" | "stable"],
      onMove: async (_entry, { phase, percent }) => void moves.push(`${phase} ${percent}`),
    });
    const stop = new AbortController();
    const over = controller.job.run({ signal: stop.signal, progress: () => undefined });
    return {
      controller,
      async end() {
        stop.abort();
        await clock.advance(1000);
        await over;
      },
    };
  };
  const come = (own: Seen, others: Seen) => {
    for (const [name, more] of [
      ["next", own],
      ["stable", others],
    ] as const) {
      const { requests, failed, latency } = counts[name];
      counts[name] = {
        requests: requests + more.requests,
        failed: failed + more.failed,
        latency: latency.map((count, n) => count + (more.latency[n] ?? 0)),
      };
    }
  };
  const weights = () => at.route.spec.split?.variants.map(({ weight }) => weight);
  return { clock, at, routes, moves, start, come, weights };
}

test("a step is taken when its time is over and enough has been seen, not before; the last one ends it", async () => {
  const { clock, moves, start, come, weights } = world();
  const { controller, end } = start();
  await clock.advance(300_000);
  deepEqual(moves, []);
  match(controller.found("u")?.why ?? "", /0 of 10 requests/);
  come(seen(10), seen(90));
  await clock.advance(2000);
  deepEqual([moves, weights()], [["running 100"], [0, 100]]);
  come(seen(50), seen(0));
  await clock.advance(58_000);
  deepEqual(moves, ["running 100"]);
  await clock.advance(4000);
  deepEqual(
    [moves, weights()],
    [
      ["running 100", "complete 100"],
      [0, 100],
    ],
  );
  come(seen(50, 50), seen(0));
  await clock.advance(5000);
  equal(moves.length, 2);
  await end();
});

test("one that fails gets nothing within two looks, whatever it did before; also while it is paused", async () => {
  for (const isPaused of [false, true]) {
    const { clock, routes, moves, start, come, weights } = world({ every: "1h" });
    const { end } = start();
    if (isPaused) await routes.update("p", "r", { turn: { action: "pause" } });
    await clock.advance(2000);
    for (let minute = 0; minute < 20; minute++) {
      come(seen(500), seen(4500));
      await clock.advance(60_000);
    }
    deepEqual(moves, []);
    come(seen(30, 12), seen(270));
    await clock.advance(2000);
    deepEqual([moves, weights()], [["rolled-back 0"], [1, 0]]);
    await end();
  }
});

test("what fails everywhere holds it where it is", async () => {
  const { clock, moves, start, come } = world();
  const { controller, end } = start();
  await clock.advance(2000);
  for (let minute = 0; minute < 3; minute++) {
    come(seen(50, 40), seen(450, 360));
    await clock.advance(60_000);
  }
  deepEqual(moves, []);
  match(controller.found("u")?.why ?? "", /not the canary's doing/);
  come(seen(900), seen(4500));
  await clock.advance(60_000);
  deepEqual(moves, ["running 100"]);
  await end();
});

test("who looks after it anew begins with what is seen from then on; one that was changed meanwhile is judged anew", async () => {
  const { clock, at, moves, start, come } = world();
  const first = start();
  come(seen(9, 9), seen(100));
  await clock.advance(2000);
  await first.end();
  const second = start();
  await clock.advance(2000);
  come(seen(9), seen(100));
  await clock.advance(120_000);
  deepEqual(moves, [], "each has seen nine, which are too few");
  const { revision } = at;
  come(seen(200), seen(100));
  await clock.advance(120_000);
  equal(moves[0], "running 100");
  equal(at.revision > revision, true);
  await second.end();
});
