/** A bar with rate and remaining time, on stderr, only where a person looks. */
import { performance } from "node:perf_hooks";
import { formatBytes, formatDuration } from "@skerry/core/contract/present/values.ts";
import { escapeText } from "./escape.ts";
import type { Terminal } from "./terminal.ts";
import { cutToWidth } from "./width.ts";

const EVERY_MS = 100;
const BAR_WIDTH = 20;
/** The rate is that of the last seconds: weight of what is older, for each second. */
const DECAY_PER_SECOND = 0.7;

export class Progress implements Disposable {
  readonly #terminal: Terminal;
  readonly #label: string;
  readonly #shown: boolean;
  readonly #startedAt = performance.now();
  #totalBytes: number | undefined;
  #bytes = 0;
  #drawn = false;
  #drawnAt = 0;
  #drawnBytes = 0;
  #rate: number | undefined;

  constructor(
    terminal: Terminal,
    label: string,
    options: { readonly quiet: boolean; readonly totalBytes?: number | undefined },
  ) {
    this.#terminal = terminal;
    this.#label = escapeText(label);
    this.#shown = terminal.stderr.isTTY === true && !options.quiet;
    this.#totalBytes = options.totalBytes;
    this.#drawnAt = this.#startedAt;
  }

  /** Whether anybody sees it: a total that costs work is made only then. */
  get shown(): boolean {
    return this.#shown;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get elapsedSeconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  /** What the whole will be, once it is known. */
  setTotal(bytes: number): void {
    this.#totalBytes = bytes;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    if (!this.#shown) return;
    const now = performance.now();
    if (now - this.#drawnAt < EVERY_MS) return;
    const seconds = (now - this.#drawnAt) / 1000;
    const rate = (this.#bytes - this.#drawnBytes) / seconds;
    const old = DECAY_PER_SECOND ** seconds;
    this.#rate = this.#rate === undefined ? rate : this.#rate * old + rate * (1 - old);
    this.#drawn = true;
    this.#drawnAt = now;
    this.#drawnBytes = this.#bytes;
    const width = (this.#terminal.stderr.columns ?? 80) - 1;
    const state = { bytes: this.#bytes, totalBytes: this.#totalBytes, rate: this.#rate };
    this.#terminal.stderr.write(`\r${progressLine(this.#label, state, width)}\x1b[K`);
  }

  /** A line for people, above the bar. */
  clear(): void {
    if (this.#drawn) this.#terminal.stderr.write("\r\x1b[K");
    this.#drawn = false;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}

/** `photos.tar  ██████░░░░  60 %  180 MiB of 300 MiB  97 MiB/s  1 s left`, no wider than `width`. */
export function progressLine(
  label: string,
  {
    bytes,
    totalBytes,
    rate,
  }: { readonly bytes: number; readonly totalBytes: number | undefined; readonly rate: number },
  width: number,
): string {
  const speed = `${formatBytes(rate)}/s`;
  if (totalBytes === undefined || totalBytes === 0) {
    return cutToWidth(`${cutToWidth(label, 40)}  ${formatBytes(bytes)}  ${speed}`, width);
  }
  const part = Math.min(1, bytes / totalBytes);
  const filled = Math.floor(part * BAR_WIDTH);
  const bar = "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
  const left = rate > 0 ? `${formatDuration(Math.ceil((totalBytes - bytes) / rate))} left` : "";
  const rest = `${bar}  ${Math.floor(part * 100)} %  ${formatBytes(bytes)} of ${formatBytes(totalBytes)}  ${speed}  ${left}`;
  return cutToWidth(`${cutToWidth(label, Math.max(8, Math.min(40, width - rest.length - 2)))}  ${rest}`, width);
}
