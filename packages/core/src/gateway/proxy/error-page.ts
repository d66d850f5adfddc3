/** The gateway's own answers as a page, for who reads them in a browser: small, and of nothing but itself. */
import type { Problem } from "../../domain/errors.ts";
import { statusText } from "../http1/status-texts.ts";

const ACCEPT = /^accept:(.*)$/gim;
/** Of Accept; what stands behind is not looked at. */
const MAX_LOOKED_AT = 1024;
const PAGE = "text/html";
const DOCUMENTS = ["application/problem+json", "application/json"];

/** Whether a request with these header lines would rather have a page than a problem document (RFC 9110 12.5.1). */
export function prefersPage(lines: string): boolean {
  let accept = "";
  for (const [, value] of lines.matchAll(ACCEPT)) accept += `,${value}`;
  accept = accept.slice(0, MAX_LOOKED_AT).toLowerCase();
  if (!accept.includes(PAGE)) return false;
  const weights = new Map<string, number>();
  for (const one of accept.split(",")) {
    const [range = "", ...parameters] = one.split(";").map((part) => part.trim());
    weights.set(range, Math.max(weightOf(parameters), weights.get(range) ?? 0));
  }
  const named = DOCUMENTS.flatMap((type) => weights.get(type) ?? []);
  const document = named.length > 0 ? Math.max(...named) : (weights.get("application/*") ?? weights.get("*/*") ?? 0);
  return (weights.get(PAGE) ?? 0) > document;
}

function weightOf(parameters: readonly string[]): number {
  const text = parameters.find((one) => one.startsWith("q="))?.slice(2) ?? "1";
  return /^[01](\.\d{0,3})?$/.test(text) ? Number(text) : 0;
}

/** Nothing is loaded, run or sent from it. */
export const PAGE_LINES =
  "Content-Type: text/html; charset=utf-8\r\nContent-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n" +
  "X-Content-Type-Options: nosniff\r\n";

const STYLE =
  ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:15vh auto;padding:0 1rem}" +
  "h1{font-size:1.5rem}footer{font-size:.85rem;opacity:.7}";

/** ASCII, as it goes out in latin1. */
export function errorPage({ status, detail, hint, code, reason, requestId }: Problem): string {
  const title = `${status} ${statusText(status)}`;
  const id = reason === undefined ? code : `${code}/${reason}`;
  return (
    `<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
    `<title>${escaped(title)}</title><style>${STYLE}</style></head>\n<body>\n<h1>${escaped(title)}</h1>\n` +
    `<p>${escaped(detail)}</p>\n${hint === undefined ? "" : `<p>${escaped(hint)}</p>\n`}` +
    `<footer>Reason <code>${escaped(id)}</code>, request <code>${escaped(requestId ?? "")}</code></footer>\n</body>\n</html>\n`
  );
}

/** Letters, digits and what means nothing to HTML stay. */
function escaped(text: string): string {
  return text.replace(/[^\w .,:;!?()/+-]/gu, (character) => `&#${character.codePointAt(0)};`);
}
