/** Readings of /metrics, one after the other. Counters have no events: this one asks every so often. */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { type RouteView, routeRoutes } from "@skerry/core/contract/api/route.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { type SkerryError, toSkerryError } from "@skerry/core/contract/errors.ts";
import { parseMetrics, type Reading, type Sample, sampleOf } from "../top/metrics.ts";

export type Measured = { readonly sample: Sample } | { readonly error: SkerryError };

/** The first reading. @throws what the server answered: who may not read them need not begin. */
export async function readMetrics(client: Client, signal: AbortSignal): Promise<Reading> {
  const { body } = await client.download(nodeRoutes.metrics, { signal });
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return parseMetrics(Buffer.concat(parts).toString());
}

/** Until the signal aborts. A daemon that does not answer is asked again at the next turn. */
export async function* measure(
  client: Client,
  first: Reading,
  everyMs: number,
  signal: AbortSignal,
): AsyncGenerator<Measured> {
  const named = routeNames(client, signal);
  let before = first;
  let beforeMs = performance.now();
  for (;;) {
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const after = await readMetrics(client, signal);
      const nowMs = performance.now();
      yield { sample: await named(sampleOf(before, after, (nowMs - beforeMs) / 1000)) };
      [before, beforeMs] = [after, nowMs];
    } catch (thrown) {
      if (signal.aborted) return;
      yield { error: toSkerryError(thrown) };
    }
  }
}

/** One measurement, of so many milliseconds. @throws what the server answered. */
export async function measureOnce(client: Client, forMs: number, signal: AbortSignal): Promise<Sample> {
  for await (const one of measure(client, await readMetrics(client, signal), forMs, signal)) {
    if ("error" in one) throw one.error;
    return one.sample;
  }
  throw signal.reason;
}

/** Puts names of routes in the place of uids. Asks for them when there is one that is new. */
function routeNames(client: Client, signal: AbortSignal): (sample: Sample) => Promise<Sample> {
  const known = new Map<string, Partial<RouteView["meta"]>>([["other", {}]]);
  return async (sample) => {
    const { gatewayRoutes } = sample;
    if (gatewayRoutes.some(({ route }) => !known.has(route))) {
      for await (const { meta } of client.items(routeRoutes.list, { signal })) known.set(meta.uid, meta);
      // One that is gone, or not to be seen, is not asked for again.
      for (const { route } of gatewayRoutes) if (!known.has(route)) known.set(route, {});
    }
    return {
      ...sample,
      gatewayRoutes: gatewayRoutes.map((row) => {
        const { name, uid, project } = known.get(row.route) ?? {};
        return name === undefined || uid === undefined || project === undefined
          ? row
          : { ...row, route: name, uid, project };
      }),
    };
  };
}
