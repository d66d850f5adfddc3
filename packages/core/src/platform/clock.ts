/** The machine's clocks. */
import type { Clock } from "../domain/ports.ts";

/** Longest delay that a timer of Node takes; longer ones would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const realClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const stop = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(
        () => {
          signal?.removeEventListener("abort", stop);
          resolve();
        },
        Math.min(Math.max(ms, 0), MAX_TIMER_MS),
      );
      timer.unref();
      signal?.addEventListener("abort", stop, { once: true });
    }),
};
