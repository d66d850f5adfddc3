/** Lines of the gateway's access log for people. */
import { escapeText } from "./escape.ts";

interface AccessLine {
  readonly time?: string;
  readonly status?: number;
  readonly method?: string;
  readonly host?: string;
  readonly path?: string;
  readonly durationUs?: number;
  readonly bytesOut?: number;
  readonly name?: string;
  readonly route?: string;
  readonly client?: string;
  readonly error?: string;
  readonly dropped?: number;
}

/**
 * `2026-11-22T01:02:03.045Z 502 GET app.example/a/b 1.2 ms, 420 B, 192.0.2.7, app-example: unavailable/upstream`, with a line
 * break. A line that is no JSON stays as it is.
 */
export function accessText(text: string): string {
  const line = parsed(text);
  if (line === undefined) return `${escapeText(text)}\n`;
  if (line.dropped !== undefined) return `${escapeText(line.time ?? "")} ${line.dropped} lines were lost here\n`;
  const { time = "", status = 0, method = "", host = "", path = "", durationUs = 0, bytesOut = 0 } = line;
  const what = method === "" ? "a request that is not HTTP" : `${method} ${host}${path}`;
  const facts = [`${milliseconds(durationUs)} ms`, `${bytesOut} B`, line.client, line.name ?? line.route];
  const known = facts.filter((fact) => fact !== undefined).join(", ");
  return `${escapeText(`${time} ${status === 0 ? "---" : status} ${what} ${known}${line.error === undefined ? "" : `: ${line.error}`}`)}\n`;
}

function milliseconds(us: number): string {
  return us < 100_000 ? (us / 1000).toFixed(1) : String(Math.round(us / 1000));
}

function parsed(text: string): AccessLine | undefined {
  try {
    const line: unknown = JSON.parse(text);
    return typeof line === "object" && line !== null ? line : undefined;
  } catch {
    return undefined;
  }
}
