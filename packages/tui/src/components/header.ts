/** The first two lines: how the cloud is, and the screens by number. */
import { escapeText } from "@skerry/core/contract/present/escape.ts";
import { formatBytes } from "@skerry/core/contract/present/values.ts";
import type { ClusterStatus, Link } from "../hooks/cluster.ts";
import { fitLine, type Line, lineWidth, type Piece, spread, type Tone } from "./line.ts";

export interface HeaderView {
  readonly status: ClusterStatus | undefined;
  readonly user: string | undefined;
  readonly link: Link;
  readonly context: string;
  readonly nowMs: number;
}

const STATE_TONES: Readonly<Record<ClusterStatus["state"], Tone>> = { ok: "good", degraded: "warn", draining: "warn" };
const STORAGE_TONES: Readonly<Record<ClusterStatus["storage"]["state"], Tone>> = {
  ok: "plain",
  degraded: "warn",
  unavailable: "bad",
};
const GAP: Piece = { text: "  " };

/** What fits, the most important first. */
export function drawHeader(view: HeaderView, width: number): Line {
  const right: Line = [
    ...(view.user === undefined ? [] : [{ text: escapeText(view.user) }, { text: "@", tone: "faint" } as const]),
    { text: `${escapeText(view.context)}  ` },
    linkPiece(view.link, view.nowMs),
    { text: " " },
  ];
  let left: Line = [{ text: " Skerry", tone: "accent", bold: true }];
  for (const part of clusterParts(view)) {
    const longer = [...left, GAP, ...part];
    if (lineWidth(longer) + lineWidth(right) + 1 <= width) left = longer;
  }
  return spread(left, right, width);
}

function clusterParts({ status, link }: HeaderView): Line[] {
  if (status === undefined) return [];
  const { state, storage, problems, node } = status;
  const old = link.state === "stale";
  const tone = (now: Tone): Tone => (old ? "faint" : now);
  const trouble = problems.length === 0 ? "" : ` (${problems.length}, see !)`;
  const objects = `${storage.objects} object${storage.objects === 1 ? "" : "s"}, ${formatBytes(storage.sizeBytes)}`;
  return [
    [{ text: `${old ? "○ was" : state === "ok" ? "●" : "▲"} ${state}${trouble}`, tone: tone(STATE_TONES[state]) }],
    [{ text: escapeText(node), tone: tone("plain") }],
    [{ text: `storage ${storage.state}`, tone: tone(STORAGE_TONES[storage.state]) }],
    [{ text: objects, tone: tone("plain") }],
    [{ text: escapeText(storage.replicas), tone: "faint" }],
  ];
}

function linkPiece(link: Link, nowMs: number): Piece {
  if (link.state === "live") return { text: "● live", tone: "good" };
  if (link.state === "refused") return { text: "▲ logged out", tone: "bad", bold: true };
  if (link.state === "connecting") return { text: "○ connecting", tone: "faint" };
  return { text: `▲ stale ${staleSeconds(link.sinceMs, nowMs)}`, tone: "bad", bold: true };
}

export function staleSeconds(sinceMs: number, nowMs: number): string {
  return `${Math.max(0, Math.floor((nowMs - sinceMs) / 1000))} s`;
}

/** The screens by number, closer together where there is little room; where that is not enough, from where the chosen one is seen. */
export function drawTabs(titles: readonly string[], chosen: number, width: number): Line {
  const wide = tabsOf(titles, chosen, " ");
  const tabs = lineWidth(wide.flat()) < width ? wide : tabsOf(titles, chosen, "");
  let first = 0;
  while (first < chosen && lineWidth(tabs.slice(first, chosen + 1).flat()) + 2 > width) first++;
  const before: Piece = first === 0 ? { text: " " } : { text: "‹", tone: "accent" };
  const line = [before, ...tabs.slice(first).flat()];
  if (lineWidth(line) <= width) return fitLine(line, width);
  return [...wholeTabs([before], tabs.slice(first), width - 1), { text: "›", tone: "accent" }];
}

/** As many as fit whole. */
function wholeTabs(before: Line, tabs: readonly Line[], width: number): Line {
  let line = before;
  for (const tab of tabs) {
    if (lineWidth(line) + lineWidth(tab) > width) break;
    line = [...line, ...tab];
  }
  return fitLine(line, width);
}

function tabsOf(titles: readonly string[], chosen: number, space: string): readonly Line[] {
  return titles.map((title, i): Line => {
    const look = i === chosen ? { bold: true, inverse: true } : {};
    const name: Piece = { text: `${space}${title}${space}`, tone: i === chosen ? "accent" : "faint", ...look };
    const number = i < 9 ? `${i + 1}` : "";
    return [{ text: `${space}${number}`, tone: "accent", ...look }, name, ...(space === "" ? [{ text: " " }] : [])];
  });
}
