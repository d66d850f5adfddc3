/** The daemon's log: pino writes JSON lines; they go to a file or to standard output, pretty or as they are. */
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { Logger } from "@skerry/core/domain/telemetry.ts";
import { type Logger as Pino, pino, stdTimeFunctions } from "pino";
import type { LogFormat, LogLevel } from "../config/settings.ts";
import { escapeJsonLine } from "./escape.ts";
import { cutString, plainFields } from "./fields.ts";
import type { LogDestination } from "./log-destination.ts";
import { LogFile } from "./log-file.ts";
import { openLogOutput } from "./log-output.ts";
import { prettyLine } from "./pretty.ts";

type Fields = Readonly<Record<string, unknown>>;

export interface LoggerOptions {
  readonly format: LogFormat;
  readonly level: LogLevel;
  /** Absolute path. Absent: `output`. */
  readonly file?: string;
  /** Default: `stdout`. Commands whose result goes there take `stderr`. */
  readonly output?: "stdout" | "stderr";
  /** Colours in pretty lines. Default: none. */
  readonly color?: boolean;
  /** Instead of `file` and `output` (tests). */
  readonly destination?: LogDestination;
}

/** Writing a line never throws and never waits. Level and format hold for children too. */
export interface DaemonLogger extends Logger, Disposable {
  /** A logger whose lines carry these fields besides their own. */
  child(fields: Fields): DaemonLogger;
  setLevel(level: LogLevel): void;
  setFormat(format: LogFormat): void;
  /** Opens the file again under its name (SIGHUP). */
  reopen(): void;
  /** Lines that could not be written: disk full, nobody reads. */
  readonly droppedLines: number;
}

const RANKS = { debug: 20, info: 30, warn: 40, error: 50 } as const satisfies Record<LogLevel, number>;

/** What a logger and its children share. */
interface Shared {
  readonly destination: LogDestination;
  readonly color: boolean;
  format: LogFormat;
  rank: number;
  /** Of the dropped lines, those that the log tells of. */
  toldDrops: number;
}

/** Dispose it last: that waits shortly for a slow reader. @throws `invalid` when the file cannot be opened. */
export function createLogger(options: LoggerOptions): DaemonLogger {
  const { format, level, color = false } = options;
  const destination = options.destination ?? openDestination(options);
  const shared: Shared = { destination, color, format, rank: RANKS[level], toldDrops: 0 };
  const root = pino(
    {
      level: "debug",
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label: string) => ({ level: label }) },
      serializers: { err: (plain: unknown) => plain },
    },
    { write: (line: string) => deliver(shared, line) },
  );
  return new PinoLogger(root, shared);
}

function openDestination({ file, output }: LoggerOptions): LogDestination {
  return file === undefined ? openLogOutput(output === "stderr" ? 2 : 1) : new LogFile({ path: file });
}

function deliver(shared: Shared, line: string): void {
  const { destination } = shared;
  if (!emit(shared, line) || destination.droppedLines === shared.toldDrops) return;
  // Writing works again.
  const lines = destination.droppedLines - shared.toldDrops;
  const time = new Date().toISOString();
  const fields = { lines, code: destination.lastFailure };
  if (emit(shared, `${JSON.stringify({ level: "warn", time, msg: "log lines were dropped", ...fields })}\n`)) {
    shared.toldDrops += lines;
  }
}

function emit({ destination, format, color }: Shared, line: string): boolean {
  const bounded = line.length <= LIMITS.log.maxLineBytes ? line : withoutFields(line);
  return destination.write(format === "json" ? escapeJsonLine(bounded) : prettyLine(bounded, color));
}

/** A line beyond the limit keeps what tells it apart. */
function withoutFields(line: string): string {
  const { level, time, msg } = JSON.parse(line) as Fields;
  return `${JSON.stringify({ level, time, msg, fields: `left out: the line had ${line.length} characters` })}\n`;
}

class PinoLogger implements DaemonLogger {
  readonly #pino: Pino;
  readonly #shared: Shared;

  constructor(logger: Pino, shared: Shared) {
    this.#pino = logger;
    this.#shared = shared;
  }

  get droppedLines(): number {
    return this.#shared.destination.droppedLines;
  }

  debug(fields: Fields, message: string): void {
    this.#write("debug", fields, message);
  }

  info(fields: Fields, message: string): void {
    this.#write("info", fields, message);
  }

  warn(fields: Fields, message: string): void {
    this.#write("warn", fields, message);
  }

  error(fields: Fields, message: string): void {
    this.#write("error", fields, message);
  }

  child(fields: Fields): DaemonLogger {
    return new PinoLogger(this.#pino.child(plainFields(fields)), this.#shared);
  }

  setLevel(level: LogLevel): void {
    this.#shared.rank = RANKS[level];
  }

  setFormat(format: LogFormat): void {
    this.#shared.format = format;
  }

  reopen(): void {
    this.#shared.destination.reopen();
  }

  [Symbol.dispose](): void {
    this.#shared.destination.close();
  }

  #write(level: LogLevel, fields: Fields, message: string): void {
    if (RANKS[level] < this.#shared.rank) return;
    this.#pino[level](plainFields(fields), cutString(String(message)));
  }
}
