/** A line of the log for people: `14:03:22.123 INFO  message  key=value`, errors with their stack below. */
import { styleText } from "node:util";
import { escapeControls } from "./escape.ts";

type Style = Parameters<typeof styleText>[0];

const LEVEL_STYLES: Readonly<Record<string, Style>> = { debug: "gray", info: "green", warn: "yellow", error: "red" };

/** `json` is a line that the logger made. Every control character comes out escaped; `color` adds ANSI of our own. */
export function prettyLine(json: string, color: boolean): string {
  const paint = (style: Style, text: string): string =>
    color ? styleText(style, text, { validateStream: false }) : text;
  const { level, time, msg, ...rest } = JSON.parse(json) as Record<string, unknown>;
  const request = msg === "request" ? requestText(rest) : undefined;
  const fields = request === undefined ? rest : {};
  const name = String(level);
  const stacks: string[] = [];
  const told = Object.entries(fields).map(([key, value]) => {
    const flat = isError(value) ? summary(value, stacks) : value;
    return `${paint("dim", `${escapeControls(key)}=`)}${shown(flat)}`;
  });
  const head = [
    paint("dim", timeOfDay(String(time))),
    paint(LEVEL_STYLES[name] ?? "reset", name.toUpperCase().padEnd(5)),
    escapeControls(request ?? String(msg)),
  ].join(" ");
  const below = stacks.map((line) => `    ${paint("dim", escapeControls(line))}`);
  return `${[told.length === 0 ? head : `${head}  ${told.join(" ")}`, ...below].join("\n")}\n`;
}

/** A request that went well enough fits one row: `200 bucket.list amy 2.5 ms`. The JSON line has all of it. */
function requestText(fields: Readonly<Record<string, unknown>>): string {
  const { status, route, principal, durationMs, code, reason } = fields;
  const why = code === undefined ? "" : ` ${code}${reason === undefined ? "" : `/${reason}`}`;
  return `${status} ${route} ${principal} ${durationMs} ms${why}`;
}

/** In the zone of the machine. */
function timeOfDay(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return escapeControls(iso);
  const two = (part: number): string => String(part).padStart(2, "0");
  const milliseconds = String(time.getMilliseconds()).padStart(3, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${milliseconds}`;
}

function shown(value: unknown): string {
  if (typeof value !== "string") return escapeControls(JSON.stringify(value));
  return /^[\w.:/@+-]+$/.test(value) ? value : escapeControls(JSON.stringify(value));
}

interface PlainError {
  readonly message: string;
  readonly stack: string;
  readonly cause?: unknown;
}

function isError(value: unknown): value is PlainError {
  return typeof value === "object" && value !== null && "stack" in value && "message" in value;
}

/** The message for the line; the stacks of the error and its causes go to `lines`. */
function summary(error: PlainError, lines: string[]): string {
  for (let at: unknown = error, depth = 0; isError(at) && depth < 8; at = at.cause, depth++) {
    const [first = "", ...rest] = String(at.stack).split("\n");
    lines.push(depth === 0 ? first : `caused by ${first}`, ...rest.map((line) => `  ${line.trim()}`));
  }
  return String(error.message);
}
