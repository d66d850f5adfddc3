/** One request as a line of the access log: JSON without spaces, ASCII only, made without a serialiser. */
import { LIMITS } from "../../domain/limits.ts";
import type { RequestRecord } from "../proxy/records.ts";
import type { TableEntry } from "../table.ts";

/** What stands in a string of JSON as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;
const NOT_PLAIN = /[^ !#-[\]-~]/g;

function escaped(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(NOT_PLAIN, (character) => {
    if (character === '"' || character === "\\") return `\\${character}`;
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** Long ones are cut: a line has a bound, and what comes behind it says so. */
function bounded(text: string): string {
  const most = LIMITS.gateway.maxLoggedPath;
  return text.length <= most ? escaped(text) : `${escaped(text.slice(0, most))}...`;
}

/** Makes lines; keeps what many of them have in common. Not for several threads. */
export class AccessLines {
  /** Uid of a route to the part of a line that tells of it. */
  readonly #routes = new Map<string, string>();
  /** Found plain last: one upstream and one host are often told of again and again. */
  #plainUpstream = "";
  #plainHost = "";
  #second = Number.NaN;
  #secondText = "";

  put(entries: readonly TableEntry[]): void {
    for (const { id, name, project } of entries) {
      const more = name === undefined ? "" : `,"name":"${escaped(name)}","project":"${escaped(project ?? "")}"`;
      this.#routes.set(id, `","route":"${escaped(id)}"${more},"client":"`);
    }
  }

  remove(ids: readonly string[]): void {
    for (const id of ids) this.#routes.delete(id);
  }

  /** With its line break. `wallMs`: when the request ended. */
  line(record: RequestRecord, wallMs: number): string {
    const { upstreamMs, upstream, error, tls, host, attempts, hedges, variant } = record;
    if (host !== this.#plainHost && PLAIN.test(host)) this.#plainHost = host;
    if (upstream !== undefined && upstream !== this.#plainUpstream && PLAIN.test(upstream))
      this.#plainUpstream = upstream;
    const route =
      record.routeId === undefined
        ? '","client":"'
        : (this.#routes.get(record.routeId) ?? `","route":"${escaped(record.routeId)}","client":"`);
    // Ids, names, methods and statuses have been checked or made by ourselves.
    return (
      `{"time":"${this.#time(wallMs)}","id":"${record.id}${route}${escaped(record.client)}","protocol":"${record.protocol}` +
      `${tls === undefined ? "" : `","tls":"${tls}`}","method":"${record.method}","host":"${host === this.#plainHost ? host : escaped(host)}","path":"${bounded(record.path)}` +
      `","status":${record.status},"bytesIn":${record.bytesIn},"bytesOut":${record.bytesOut},"durationUs":${Math.round(record.durationMs * 1000)}` +
      `${variant === undefined ? "" : `,"variant":"${variant}"`}` +
      `${upstreamMs === undefined ? "" : `,"upstreamUs":${Math.round(upstreamMs * 1000)}`}` +
      `${upstream === undefined ? "" : `,"upstream":"${upstream === this.#plainUpstream ? upstream : escaped(upstream)}"`}` +
      `${attempts < 2 ? "" : `,"attempts":${attempts}${hedges === 0 ? "" : `,"hedges":${hedges}`}`}` +
      `${error === undefined ? "}\n" : `,"error":"${error}"}\n`}`
    );
  }

  /** ISO 8601 in UTC with milliseconds. */
  #time(wallMs: number): string {
    const whole = Math.floor(wallMs);
    const second = Math.floor(whole / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#secondText = new Date(second * 1000).toISOString().slice(0, 20);
    }
    const part = whole - second * 1000;
    return `${this.#secondText}${part < 10 ? "00" : part < 100 ? "0" : ""}${part}Z`;
  }
}
