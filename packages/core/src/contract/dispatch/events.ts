/** Server-sent events of a watch. The id of an event is `<revision>.<n>`: the n-th of that revision, to resume after it. */
import { SkerryError as Invalid, isError, type SkerryError, toProblem, toSkerryError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Clock } from "../../domain/ports.ts";

export type ListEvent<T = unknown> =
  | { readonly type: "put"; readonly id: string; readonly item: T }
  | { readonly type: "delete"; readonly id: string; readonly item: T }
  | { readonly type: "progress"; readonly id: string };

export interface ResumePoint {
  /** First revision of interest. */
  readonly revision: number;
  /** Events of that revision to pass over. */
  readonly skip: number;
}

/** From `Last-Event-ID`. @throws `invalid`. */
export function parseEventId(text: string): ResumePoint {
  const match = /^(\d{1,15})(?:\.(\d{1,6}))?$/.exec(text);
  if (match === null) throw new Invalid("invalid", "Last-Event-ID is not an id of this stream.");
  const revision = Number(match[1]);
  // A bare revision is a progress event: everything up to it has been seen.
  return match[2] === undefined ? { revision: revision + 1, skip: 0 } : { revision, skip: Number(match[2]) };
}

function encode(event: string, id: string | undefined, data: unknown): Uint8Array {
  return Buffer.from(`event: ${event}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
}

/** Bytes of the stream. Ends with an `end` event that holds a problem document when it is not the reader who ends it. */
export async function* encodeEvents(
  events: AsyncIterable<ListEvent>,
  world: { clock: Clock; signal: AbortSignal; requestId: string },
): AsyncGenerator<Uint8Array> {
  const iterator = events[Symbol.asyncIterator]();
  try {
    yield Buffer.from(": skerry\n\n");
    let next = iterator.next();
    for (;;) {
      const quiet = new AbortController();
      const heartbeat = world.clock
        .sleep(LIMITS.http.streamHeartbeatMs, quiet.signal)
        .then(() => "quiet" as const)
        .catch(() => "quiet" as const);
      const first = await Promise.race([next, heartbeat]).finally(() => quiet.abort());
      if (first === "quiet") {
        yield Buffer.from(":\n\n");
        continue;
      }
      if (first.done) break;
      const event = first.value;
      yield event.type === "progress" ? encode("progress", event.id, {}) : encode(event.type, event.id, event.item);
      next = iterator.next();
    }
    if (world.signal.aborted) throw world.signal.reason;
  } catch (error) {
    const known = endOf(error);
    if (known !== undefined) yield encode("end", undefined, toProblem(known, world.requestId));
  } finally {
    await iterator.return?.();
  }
}

/** The error that the reader is told; nothing when the reader itself has gone. */
function endOf(error: unknown): SkerryError | undefined {
  if (isError(error, "internal/aborted")) return undefined;
  return toSkerryError(error);
}
