/** Waiting for a container that is being removed. */
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock } from "../domain/ports.ts";
import type { ContainerCache } from "./cache.ts";

/**
 * Resolves when nobody declares it any more. @throws `unavailable` when that takes longer than `LIMITS.compute.deleteWaitMs`,
 * or when the engine does not answer.
 */
export function untilGone(cache: ContainerCache, clock: Clock, projectUid: string, name: string): Promise<void> {
  const ended = new AbortController();
  return new Promise((resolve, reject) => {
    // It may be unknown from before, and be looked at just now.
    let isPatient = true;
    const end = (error?: SkerryError) => {
      subscription[Symbol.dispose]();
      ended.abort();
      if (error === undefined) resolve();
      else reject(error);
    };
    const look = () => {
      const status = cache.statusOf(projectUid, name);
      if (cache.find(projectUid, name) === undefined) end();
      else if (!isPatient && status?.state === "unknown") end(stillThere(name, status.reason));
    };
    const subscription = cache.subscribe(look);
    const after = (ms: number, then: () => void) => void clock.sleep(ms, ended.signal).then(then, () => undefined);
    after(2 * LIMITS.compute.engineRetryMs, () => {
      isPatient = false;
      look();
    });
    after(LIMITS.compute.deleteWaitMs, () => end(stillThere(name, cache.statusOf(projectUid, name)?.reason)));
    look();
  });
}

function stillThere(name: string, reason = "its end takes long."): SkerryError {
  return new SkerryError("unavailable", `The container ${name} is marked for removal, and still there: ${reason}`, {
    hint: "Nothing more is to be done: it goes as soon as it can. skerry ps shows it until then.",
  });
}
