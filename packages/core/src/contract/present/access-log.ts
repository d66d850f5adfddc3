/** Lines of the gateway's access log for people. */
import { escapeText } from "./escape.ts";
import type { Column, Presentation } from "./presentation.ts";
import { formatBytes } from "./values.ts";

export interface AccessLine {
  readonly time?: string;
  /** Of the request. */
  readonly id?: string;
  readonly status?: number;
  readonly method?: string;
  readonly host?: string;
  readonly path?: string;
  readonly durationUs?: number;
  readonly bytesOut?: number;
  readonly name?: string;
  readonly route?: string;
  readonly variant?: string;
  readonly client?: string;
  readonly upstream?: string;
  readonly error?: string;
  /** Lines that nobody could write, in the place of one. */
  readonly dropped?: number;
}

/**
 * `2026-11-22T01:02:03.045Z 502 GET app.example/a/b 1.2 ms, 420 B, 192.0.2.7, app-example: unavailable/upstream`, with a line
 * break. A line that is no JSON stays as it is.
 */
export function accessText(text: string): string {
  const line = parseAccessLine(text);
  if (line === undefined) return `${escapeText(text)}\n`;
  if (line.dropped !== undefined) return `${escapeText(line.time ?? "")} ${line.dropped} lines were lost here\n`;
  const { time = "", status = 0, method = "", host = "", path = "", durationUs = 0, bytesOut = 0 } = line;
  const what = method === "" ? "a request that is not HTTP" : `${method} ${host}${path}`;
  const facts = [`${milliseconds(durationUs)} ms`, `${bytesOut} B`, line.client, line.name ?? line.route, line.variant];
  const known = facts.filter((fact) => fact !== undefined).join(", ");
  return `${escapeText(`${time} ${status === 0 ? "---" : status} ${what} ${known}${line.error === undefined ? "" : `: ${line.error}`}`)}\n`;
}

function milliseconds(us: number): string {
  return us < 100_000 ? (us / 1000).toFixed(1) : String(Math.round(us / 1000));
}

/** What a line says; undefined for one that is no object of JSON with a time. */
export function parseAccessLine(text: string): AccessLine | undefined {
  try {
    const line = JSON.parse(text) as AccessLine | null;
    return typeof line?.time === "string" ? line : undefined;
  } catch {
    return undefined;
  }
}

const none = "-";
/** A line that tells of lost ones has but a time. */
const unlessLost =
  (cell: (line: AccessLine) => string): Column<AccessLine>["cell"] =>
  (line) =>
    line.dropped === undefined ? cell(line) : none;

/** As rows: what was asked, what was answered, and why not. */
export const accessPresentation: Presentation<AccessLine> = {
  kind: "request",
  nameOf: ({ id, time }) => id ?? time ?? none,
  leaveOut: ["BYTES", "CLIENT", "ROUTE"],
  columns: [
    { title: "UTC", cell: ({ time = "" }) => time.slice(11, 23), whole: true, order: ({ time = "" }) => time },
    {
      title: "STATUS",
      cell: unlessLost(({ status = 0 }) => (status === 0 ? "---" : `${status}`)),
      whole: true,
      order: ({ status = 0 }) => status,
    },
    { title: "METHOD", cell: unlessLost(({ method = "" }) => method || none), whole: true },
    {
      title: "REQUEST",
      cell: ({ dropped, host = "", path = "" }) =>
        dropped === undefined ? `${host}${path}` || "not HTTP" : `${dropped} lines were lost here`,
      enough: 24,
    },
    {
      title: "MS",
      cell: unlessLost(({ durationUs = 0 }) => milliseconds(durationUs)),
      align: "right",
      order: ({ durationUs = 0 }) => durationUs,
    },
    {
      title: "BYTES",
      cell: unlessLost(({ bytesOut = 0 }) => formatBytes(bytesOut)),
      align: "right",
      order: ({ bytesOut = 0 }) => bytesOut,
    },
    { title: "ROUTE", cell: ({ name, route }) => name ?? route ?? none },
    { title: "CLIENT", cell: ({ client = none }) => client },
    { title: "REASON", cell: ({ error = none }) => error, enough: 12 },
  ],
};
