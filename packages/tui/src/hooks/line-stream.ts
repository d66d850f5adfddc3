/** Lines from a route whose answer is bytes without end: made whole, bounded, and asked for again when they break off. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { type SkerryError, toSkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import type { Call } from "../screens/screen.ts";

const MIN_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 5_000;

export interface LineSink {
  /** What to ask for; it is asked anew each time. */
  readonly call: () => Call;
  /** An answer has begun. */
  readonly live: () => void;
  /** Without its line break; it is told after each part of the answer how many came: none of them is drawn alone. */
  readonly line: (text: string) => void;
  readonly part: () => void;
  /** The daemon is away; it is asked again. */
  readonly broke: (error: SkerryError) => void;
}

/** Until there is nothing more to come, or the signal aborts. @throws what a retry cannot mend. */
export async function followLines(client: Client, sink: LineSink, signal: AbortSignal): Promise<void> {
  for (let backoffMs = MIN_BACKOFF_MS; !signal.aborted; backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS)) {
    try {
      const { route, input } = sink.call();
      const { body } = await client.download(route, { ...input, signal });
      sink.live();
      const lines = new Lines(sink.line);
      for await (const part of body) {
        backoffMs = MIN_BACKOFF_MS;
        lines.take(part);
        sink.part();
      }
      lines.end();
      return;
    } catch (thrown) {
      if (signal.aborted) return;
      const error = toSkerryError(thrown);
      if (error.code !== "unavailable" && error.code !== "exhausted") throw error;
      sink.broke(error);
      await sleep(backoffMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

class Lines {
  readonly #line: (text: string) => void;
  readonly #decoder = new TextDecoder();
  /** The beginning of a line whose end has not come. */
  #open = "";

  constructor(line: (text: string) => void) {
    this.#line = line;
  }

  take(bytes: Uint8Array): void {
    const parts = this.#decoder.decode(bytes, { stream: true }).split("\n");
    const rest = parts.pop() ?? "";
    for (const part of parts) {
      this.#push(this.#open + part);
      this.#open = "";
    }
    // What is longer than a line may be is not gathered.
    this.#open = (this.#open + rest).slice(0, LIMITS.tui.maxLogLineLength);
  }

  end(): void {
    if (this.#open !== "") this.#push(this.#open);
  }

  #push(line: string): void {
    this.#line(line.replace(/\r$/, "").slice(0, LIMITS.tui.maxLogLineLength));
  }
}
