/** A bar with rate and remaining time, on stderr, only where a person looks. */
import { performance } from "node:perf_hooks";
import { formatBytes, formatDuration } from "@skerry/core/contract/present/values.ts";
import { escapeText } from "./escape.ts";
import type { Terminal } from "./terminal.ts";
import { cutToWidth, textWidth } from "./width.ts";

const EVERY_MS = 100;
const MAX_BAR_WIDTH = 20;
const MIN_BAR_WIDTH = 4;
/** The rate is that of the last seconds. */
const RATE_WINDOW_MS = 3000;

export class Progress implements Disposable {
  readonly #terminal: Terminal;
  readonly #label: string;
  readonly #shown: boolean;
  readonly #startedAt = performance.now();
  #totalBytes: number | undefined;
  #bytes = 0;
  #drawn = false;
  #drawnAt = 0;
  /** What had come when a line was drawn, the oldest first: at most as many as fit the window. */
  #drawings: { readonly at: number; readonly bytes: number }[] = [];

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

  /** Whether all of it has been handed on. */
  get complete(): boolean {
    return this.#totalBytes !== undefined && this.#bytes >= this.#totalBytes;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    if (!this.#shown) return;
    const now = performance.now();
    if (now - this.#drawnAt < EVERY_MS) return;
    const [since] = this.#drawings;
    const from = since ?? { at: this.#startedAt, bytes: 0 };
    const rate = (this.#bytes - from.bytes) / ((now - from.at) / 1000);
    this.#drawings.push({ at: now, bytes: this.#bytes });
    while ((this.#drawings[0]?.at ?? now) < now - RATE_WINDOW_MS) this.#drawings.shift();
    this.#drawn = true;
    this.#drawnAt = now;
    const width = (this.#terminal.stderr.columns ?? 80) - 1;
    const state = { bytes: this.#bytes, totalBytes: this.#totalBytes, rate };
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
  const left = rate > 0 ? `${formatDuration(Math.ceil((totalBytes - bytes) / rate))} left` : "";
  const rest = `${Math.floor(part * 100)} %  ${formatBytes(bytes)} of ${formatBytes(totalBytes)}  ${speed}  ${left}`;
  const name = cutToWidth(label, Math.max(8, Math.min(40, width - rest.length - MAX_BAR_WIDTH - 4)));
  const barWidth = Math.min(MAX_BAR_WIDTH, Math.max(MIN_BAR_WIDTH, width - textWidth(name) - rest.length - 4));
  const filled = Math.floor(part * barWidth);
  return cutToWidth(`${name}  ${"█".repeat(filled)}${"░".repeat(barWidth - filled)}  ${rest}`, width);
}
