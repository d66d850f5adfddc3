/** What is answered when an upstream has backends, and none that may get requests now. */
import { SkerryError } from "../../domain/errors.ts";
import type { Guard } from "./guard.ts";

const SOON_MS = 1000;

/** With when it is worth trying again. `nowMs`: monotonic. */
export function nobodyLeft(guards: readonly Guard[], nowMs: number): SkerryError {
  if (guards.every(({ isHealthy }) => !isHealthy)) {
    return new SkerryError("unavailable/unhealthy", "No backend of the upstream is healthy: all fail their checks.", {
      hint: "Try again later.",
      retryAfterMs: SOON_MS,
    });
  }
  const untilMs = Math.min(...guards.flatMap(({ untilMs: until }) => (until > nowMs ? [until] : [])), nowMs + MAX_MS);
  return new SkerryError(
    "unavailable/breaker",
    "The backends of the upstream have failed, and are left alone for a while.",
    {
      hint: "Try again later.",
      retryAfterMs: Math.max(SOON_MS, untilMs === nowMs + MAX_MS ? SOON_MS : untilMs - nowMs),
    },
  );
}

/** Nobody waits longer for an answer to "when". */
const MAX_MS = 3_600_000;
