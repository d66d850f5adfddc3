/** Readings of /metrics, one after the other. Counters have no events: this one asks every so often. */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
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
  let before = first;
  let beforeMs = performance.now();
  for (;;) {
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const after = await readMetrics(client, signal);
      const nowMs = performance.now();
      yield { sample: sampleOf(before, after, (nowMs - beforeMs) / 1000) };
      [before, beforeMs] = [after, nowMs];
    } catch (thrown) {
      if (signal.aborted) return;
      yield { error: toSkerryError(thrown) };
    }
  }
}
