/** Waits for what somebody has asked for, whatever screen they look at meanwhile. */
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { openRows, type RowsOptions } from "./rows.ts";

/** Resolves when this row is so. @throws `not_found` when it is gone, `unavailable/timeout` after `LIMITS.tui.settleMs`. */
export async function untilRow<T>(
  options: RowsOptions<T>,
  id: string,
  holds: (item: T) => boolean,
  signal: AbortSignal,
): Promise<void> {
  using rows = openRows(options);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const look = () => {
    const item = rows.items.find((one) => options.idOf(one) === id);
    if (item !== undefined && holds(item)) resolve();
    else if (rows.phase.state === "failed") reject(rows.phase.error);
    else if (item === undefined && rows.phase.state === "live")
      reject(new SkerryError("not_found", "It has gone meanwhile."));
  };
  const ended = AbortSignal.any([signal, AbortSignal.timeout(LIMITS.tui.settleMs)]);
  ended.addEventListener("abort", () => {
    reject(new SkerryError("unavailable/timeout", "It did not become so in time, and nothing more was done."));
  });
  rows.changes.subscribe(look);
  await promise;
}
