/** The whole screen as lines: exactly as many as the terminal has, each exactly as wide. */
import { escapeText } from "@skerry/core/contract/present/escape.ts";
import { formatAge } from "@skerry/core/contract/present/values.ts";
import { drawHelp, drawHints, hintsOf } from "../components/footer.ts";
import { drawForm } from "../components/form.ts";
import { drawFrame, type Size } from "../components/frame.ts";
import { drawHeader, drawTabs, staleSeconds } from "../components/header.ts";
import { fitLine, type Line, type Piece } from "../components/line.ts";
import { drawLog } from "../components/log-pane.ts";
import { drawQuestion } from "../components/question.ts";
import { drawRouteReport } from "../components/route-report.ts";
import { drawTable } from "../components/table.ts";
import { drawDetail, drawParagraphs, wrapText } from "../components/text.ts";
import type { Screen } from "../screens/screen.ts";
import type { App, Reading } from "./app.ts";
import type { LogView } from "./log-view.ts";
import type { View } from "./view.ts";

/** Below this nothing can be read. */
const MIN_WIDTH = 30;
const MIN_HEIGHT = 8;
const HEAD_LINES = 2;
const FOOT_LINES = 1;

export function drawApp(app: App, { width, height }: Size): Line[] {
  if (width < MIN_WIDTH || height < MIN_HEIGHT) {
    const lines = [fitLine([{ text: "Make it larger" }], width)];
    return lines.slice(0, height);
  }
  const nowMs = app.options.nowMs();
  const { status, user, link } = app.cluster;
  const titles = app.options.screens.map(({ title }) => title);
  const body = { width, height: height - HEAD_LINES - FOOT_LINES };
  const middle = drawMiddle(app, body, nowMs);
  if (app.question !== undefined) {
    // On a low terminal its end, where one types.
    const box = drawQuestion(app.question, width).slice(-middle.length);
    middle.splice(middle.length - box.length, box.length, ...box);
  }
  return [
    drawHeader({ status, user, link, context: app.options.context, nowMs }, width),
    drawTabs(titles, app.place.root, width),
    ...middle,
    fitLine(drawFoot(app, width), width),
  ];
}

function drawMiddle(app: App, size: Size, nowMs: number): Line[] {
  if (app.reading !== undefined) return drawReading(app, app.reading, size, nowMs);
  if (app.form !== undefined) return drawForm(app.form, size);
  if (app.log !== undefined) return drawLogView(app.log, app.filtering, size, nowMs);
  return drawRows(app, size, nowMs);
}

function drawRows({ view, filtering }: App, size: Size, nowMs: number): Line[] {
  const inner = { width: size.width - 2, height: size.height - 2 };
  view.settle(inner.height - 1);
  const { rows, screen, collection, top, cursor, sort } = view;
  const { phase } = collection;
  const old = phase.state === "stale" || phase.state === "failed";
  const { columns, leaveOut = [] } = screen.presentation;
  const table = { columns, leaveOut, rows, top, cursor, sort, nowMs, stale: old, toneOf: screen.toneOf };
  const failed = phase.state === "failed" ? drawProblem(phase.error, inner.width) : undefined;
  const nothing = rows.length === 0 ? [[], [{ text: `  ${emptyText(view)}`, tone: "faint" } as const]] : [];
  const lines = failed ?? [
    ...drawTable({ ...table, widest: view.widestAt(inner.width) }, inner.width, inner.height),
    ...nothing,
  ];
  return drawFrame(
    { title: titleOf(view, filtering), note: noteOf(view, nowMs), tone: old ? "bad" : "faint" },
    lines,
    size,
  );
}

function drawProblem({ message, hint }: { message: string; hint?: string | undefined }, width: number): Line[] {
  const said = (text: string, tone: "bad" | "plain"): Line[] =>
    text
      .split("\n")
      .flatMap((line) => wrapText(escapeText(line), width - 4).map((one): Line => [{ text: `  ${one}`, tone }]));
  return [[], ...said(message, "bad"), [], ...said(hint ?? "", "plain")];
}

function emptyText({ filter, collection, screen }: View): string {
  if (filter !== "") return "No row has this text. Esc shows all.";
  if (collection.phase.state === "loading") return "Asking ...";
  return collection.phase.state === "stale" ? "The daemon cannot be reached." : escapeText(screen.empty);
}

function searchOf(filter: string, filtering: boolean): Piece[] {
  if (!filtering && filter === "") return [];
  return [
    { text: "  /", tone: "accent" },
    { text: escapeText(filter), bold: true },
    { text: filtering ? "▏" : "", tone: "accent" },
  ];
}

function titleOf({ screen, rows, collection, filter }: View, filtering: boolean): Line {
  if (collection.phase.state === "failed") return [{ text: escapeText(screen.title), bold: true }];
  const { kept: all, left } = collection.count ?? { kept: collection.items.length, left: 0 };
  const more = collection.hasMore ? "+" : left > 0 ? `, ${left} older are gone` : "";
  const count = filter === "" ? `${all}${more}` : `${rows.length} of ${all}${more}`;
  const searched = searchOf(filter, filtering);
  return [{ text: escapeText(screen.title), bold: true }, { text: `  ${count}`, tone: "accent" }, ...searched];
}

function noteOf({ collection, sort, screen, waiting }: View, nowMs: number): Line {
  const { phase } = collection;
  if (waiting !== undefined) {
    const lost = phase.state === "stale" ? `, lost ${staleSeconds(phase.sinceMs, nowMs)} ago` : "";
    return [{ text: `paused, ${waiting} since${lost}`, tone: "warn" }];
  }
  const column = sort === undefined ? undefined : screen.presentation.columns[sort.column]?.title;
  const sorted: Piece[] = column === undefined ? [] : [{ text: `by ${column.toLowerCase()}`, tone: "faint" }];
  if (phase.state === "stale") {
    return [{ text: `as it was ${staleSeconds(phase.sinceMs, nowMs)} ago, trying again`, tone: "bad" }];
  }
  if (phase.state === "failed") return [];
  if (collection.summary !== undefined)
    return [...sorted, { text: `${sorted.length > 0 ? "  " : ""}${collection.summary}` }];
  if (screen.source.kind === "lines" && phase.state === "live") {
    return [...sorted, ...(sorted.length > 0 ? [{ text: "  " }] : []), { text: "following", tone: "good" }];
  }
  if (phase.state !== "taken") return sorted;
  const age = formatAge(new Date(phase.atMs).toISOString(), nowMs);
  const taken: Piece = { text: `as of ${age} ago, r asks again`, tone: "faint" };
  return [...sorted, ...(sorted.length > 0 ? [{ text: "  " }] : []), taken];
}

function drawReading(app: App, reading: Reading, size: Size, nowMs: number): Line[] {
  const { title, lines } = textOf(app, reading, size.width - 2);
  app.textPage = size.height - 2;
  app.textLines = lines.length;
  reading.top = Math.max(0, Math.min(reading.top, lines.length - app.textPage));
  const { phase } = app.view.collection;
  const old = phase.state === "stale" ? `stale ${staleSeconds(phase.sinceMs, nowMs)}` : "";
  const end = reading.top + app.textPage;
  const place = lines.length > app.textPage ? `${Math.min(end, lines.length)} of ${lines.length}` : "";
  const note: Line = [
    { text: [old, place].filter((part) => part !== "").join("  "), tone: old === "" ? "faint" : "bad" },
  ];
  return drawFrame(
    { title: [{ text: title, bold: true }], note: note[0]?.text === "" ? [] : note, tone: "accent" },
    lines.slice(reading.top, end),
    size,
  );
}

function drawLogView(view: LogView, filtering: boolean, size: Size, nowMs: number): Line[] {
  const { log, filter, wrap, following } = view;
  const { lines } = view;
  const height = size.height - 2;
  const top = view.settle(height, lines.length);
  const old = log.dropped > 0 ? `, ${log.dropped} older are gone` : "";
  const count = filter === "" ? `${lines.length}${old}` : `${lines.length} of ${log.lines.length}`;
  const title: Line = [
    { text: escapeText(view.title), bold: true },
    { text: `  ${count}`, tone: "accent" },
    ...searchOf(filter, filtering),
  ];
  const failed = log.state.state === "failed" ? drawProblem(log.state.error, size.width - 2) : undefined;
  const shown = failed ?? drawLog(lines, { top, wrap, atEnd: following, mark: filter }, size.width - 2, height);
  return drawFrame(
    { title, note: [logNote(view, nowMs)], tone: log.state.state === "stale" ? "bad" : "accent" },
    shown,
    size,
  );
}

function logNote({ log: { state }, following }: LogView, nowMs: number): Piece {
  if (state.state === "stale")
    return { text: `lost ${staleSeconds(state.sinceMs, nowMs)} ago, trying again`, tone: "bad" };
  if (state.state === "ended") return { text: "it has ended", tone: "warn" };
  if (state.state === "connecting") return { text: "asking", tone: "faint" };
  return following ? { text: "following", tone: "good" } : { text: "stopped here, G follows", tone: "warn" };
}

function textOf(app: App, reading: Reading, width: number): { title: string; lines: Line[] } {
  const { what, id, title = "" } = reading;
  if (what === "answer") return { title: escapeText(title), lines: drawParagraphs(reading.paragraphs ?? [], width) };
  if (reading.report !== undefined)
    return { title: escapeText(title), lines: drawRouteReport(reading.report.facts, width) };
  if (what === "help") return { title: "Keys", lines: drawHelp(app.view.screen, app.form !== undefined) };
  if (what === "cloud") return { title: "The cloud", lines: drawCloud(app, width) };
  const item = id === undefined ? undefined : app.view.find(id);
  const { detail, presentation } = app.view.screen;
  const { kind, nameOf } = presentation;
  if (item === undefined) return { title: kind, lines: [[{ text: " It is not there any more.", tone: "warn" }]] };
  return { title: `${kind} ${escapeText(nameOf(item))}`, lines: drawDetail(detail?.(item) ?? item, width) };
}

function drawCloud({ cluster: { status } }: App, width: number): Line[] {
  if (status === undefined) return [[{ text: " How it is, operators and admins may see.", tone: "faint" }]];
  const { problems, warnings = [], ...facts } = status;
  const told = [...problems, ...warnings].flatMap((problem) =>
    wrapText(escapeText(problem), width - 4).map(
      (line, i): Line => [{ text: `${i === 0 ? " ▲ " : "   "}${line}`, tone: "warn" }],
    ),
  );
  const head: Line[] = told.length === 0 ? [[{ text: " All is as it should be.", tone: "good" }]] : told;
  return [...head, [], ...drawDetail(facts, width)];
}

/** What is typed, and where it leads: the first is where Enter goes. */
function drawGoing(going: string, candidates: readonly Screen[], width: number): Line {
  const [first, ...others] = candidates;
  const told: Line =
    first === undefined
      ? [{ text: "  there is none", tone: "warn" }]
      : [
          { text: `  ${first.title}`, bold: true },
          { text: `  ${others.map(({ title }) => title).join("  ")}`, tone: "faint" },
        ];
  const line: Line = [
    { text: " :", tone: "accent" },
    { text: escapeText(going), bold: true },
    { text: "▏", tone: "accent" },
  ];
  return fitLine([...line, ...told], width);
}

function drawFoot(app: App, width: number): Line {
  const { message, mode, view, going } = app;
  if (message !== undefined) return [{ text: ` ${escapeText(message.text)}`, tone: message.tone }];
  if (mode === "question") return [];
  if (app.form?.preview !== undefined) {
    const skip = ["check", "turn", "turn-back"] as const;
    return hintsOf("form", width, { accept: "do it", cancel: "back to the form" }, skip);
  }
  if (going !== undefined) return drawGoing(going, app.candidates, width);
  if (mode !== "list") return hintsOf(mode, width, app.log?.following === false ? { pause: "follow" } : {});
  return drawHints(view.screen, app.place.depth > 1, width);
}
