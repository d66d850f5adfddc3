/** Asks the chunkservers that are away whether they are back, before somebody is refused for want of them. */
import { LIMITS } from "../domain/limits.ts";
import type { Clock } from "../domain/ports.ts";
import type { ChunkServer } from "./chunkserver.ts";

export interface ProbeWorld {
  readonly servers: readonly ChunkServer[];
  readonly clock: Clock;
}

/** Resolves when all have answered, at most `LIMITS.objects.probeMs` later. Rejects with the signal's reason. */
export async function probeAway({ servers, clock }: ProbeWorld, signal: AbortSignal): Promise<void> {
  const answered = new AbortController();
  const late = clock.sleep(LIMITS.objects.probeMs, AbortSignal.any([answered.signal, signal]));
  // Nobody waits for it any more when they have answered.
  late.catch(() => undefined);
  await Promise.race([Promise.all(servers.map((server) => server.probe())), late]);
  answered.abort();
}

export function isAnyAway(servers: readonly ChunkServer[]): boolean {
  return servers.some((server) => !server.state.available);
}
