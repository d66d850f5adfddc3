/** Where a command reads and writes, so that tests can stand in its place. */
import type { Readable, Writable } from "node:stream";

export interface Terminal {
  readonly stdin: Readable & { isTTY?: boolean; setRawMode?: (raw: boolean) => unknown };
  readonly stdout: Writable & { isTTY?: boolean; columns?: number; rows?: number };
  readonly stderr: Writable & { isTTY?: boolean; columns?: number };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The wall clock, for ages and expiry. */
  nowMs(): number;
  /** Aborts with `Interrupted` when the user or the system asks to end. */
  readonly signal: AbortSignal;
  /** From now on signals are somebody else's, as for `skerry up`. */
  releaseSignals(): void;
}

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
export type EndSignal = keyof typeof SIGNAL_NUMBERS;

/** The reason on the signal of a terminal that asks to end. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly exitStatus: number;

  constructor(signal: EndSignal) {
    super(`ended by ${signal}`);
    this.exitStatus = 128 + SIGNAL_NUMBERS[signal];
  }
}

/** Writes with backpressure: resolves when more may be written. */
export async function writeAll(stream: Writable, chunk: string | Uint8Array): Promise<void> {
  if (stream.write(chunk)) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      stream.off("drain", done).off("close", done).off("error", done);
      resolve();
    };
    stream.on("drain", done).on("close", done).on("error", done);
  });
}
