/** A route as somebody reads it. */
import { formatBytes } from "@skerry/core/contract/present/values.ts";
import type { RouteFacts } from "../hooks/route-report.ts";
import { figure } from "../hooks/traffic.ts";
import { explainParagraphs } from "../screens/explain.ts";
import type { Paragraph } from "../screens/screen.ts";
import type { Line } from "./line.ts";
import { drawDetail, drawParagraphs } from "./text.ts";

export function drawRouteReport(facts: RouteFacts, width: number): Line[] {
  const { route, error } = facts;
  const wrong: Paragraph[] =
    error === undefined ? [] : [{ text: error.message, tone: "bad" }, { text: error.hint ?? "" }, { text: "" }];
  if (route === undefined) return drawParagraphs(error === undefined ? [{ text: "Asking ..." }] : wrong, width);
  return [
    ...drawParagraphs([...wrong, ...servedParagraphs(facts), { text: "" }, ...decidedParagraphs(facts)], width),
    [],
    ...drawParagraphs([{ text: "All of it", bold: true, tone: "accent" }], width),
    ...drawDetail(route, width),
  ];
}

function servedParagraphs({ route, counts, traffic, mayCount }: RouteFacts): Paragraph[] {
  const title: Paragraph = { text: "What it serves", bold: true, tone: "accent" };
  const below = route?.status?.traffic;
  if (below !== undefined) {
    const { connections, open, bytesIn, bytesOut } = below;
    const text = `${connections} connections since the start, ${open} open; ${formatBytes(bytesIn)} in, ${formatBytes(bytesOut)} out`;
    return [title, { text }];
  }
  if (!mayCount) return [title, { text: "Operators and admins may see that.", tone: "faint" }];
  if (counts === undefined) return [title, { text: "Asking ..." }];
  const { perSecond = 0, errorsPerSecond = 0, p50Ms, p95Ms, p99Ms } = traffic ?? {};
  const times = p50Ms === undefined ? "" : `, p50 ${figure(p50Ms)} p95 ${figure(p95Ms)} p99 ${figure(p99Ms)} ms`;
  const failed = errorsPerSecond > 0 ? `, ${figure(errorsPerSecond)}/s from 500` : "";
  const list = (all: ReadonlyMap<string, number>) => [...all].map(([name, count]) => `${name} ${count}`).join(", ");
  const reasons = list(counts.byReason);
  return [
    title,
    {
      text: `now: ${figure(perSecond)}/s${times}${failed}, ${counts.inFlight} in flight`,
      tone: failed === "" ? "plain" : "bad",
    },
    { text: `since the start: ${list(counts.byClass) || "no answers"}` },
    ...(reasons === "" ? [] : [{ text: `failed: ${reasons}`, tone: "warn" as const }]),
    { text: `bodies in ${formatBytes(counts.receivedBytes)}, answers out ${formatBytes(counts.sentBytes)}` },
  ];
}

function decidedParagraphs({ route, asked, explained }: RouteFacts): Paragraph[] {
  const title: Paragraph = { text: "How a request comes to it", bold: true, tone: "accent" };
  if (asked === undefined || explained === undefined) {
    const why = route?.spec.listen === undefined ? "It asks for a pattern" : "It is below HTTP";
    return [title, { text: `${why}: there is no request to show. x explains one that you say.`, tone: "faint" }];
  }
  return [title, { text: `${asked.method} ${asked.url}` }, ...explainParagraphs(explained)];
}
