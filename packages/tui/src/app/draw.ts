/** The whole screen as lines: exactly as many as the terminal has, each exactly as wide. */
import { escapeText } from "@skerry/core/contract/present/escape.ts";
import { formatAge } from "@skerry/core/contract/present/values.ts";
import { drawHelp, drawHints, hints } from "../components/footer.ts";
import { drawFrame, type Size } from "../components/frame.ts";
import { drawHeader, drawTabs, staleSeconds } from "../components/header.ts";
import { fitLine, type Line, type Piece } from "../components/line.ts";
import { drawQuestion } from "../components/question.ts";
import { drawTable } from "../components/table.ts";
import { drawDetail, wrapText } from "../components/text.ts";
import { ROOT_SCREENS } from "../screens/all.ts";
import type { App, Reading } from "./app.ts";
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
  const titles = ROOT_SCREENS.map(({ title }) => title);
  const body = { width, height: height - HEAD_LINES - FOOT_LINES };
  const middle = app.reading === undefined ? drawRows(app, body, nowMs) : drawReading(app, app.reading, body, nowMs);
  if (app.question !== undefined) {
    // On a low terminal its end, where one types.
    const box = drawQuestion(app.question, width).slice(-middle.length);
    middle.splice(middle.length - box.length, box.length, ...box);
  }
  return [
    drawHeader({ status, user, link, context: app.options.context, nowMs }, width),
    drawTabs(titles, app.root, width),
    ...middle,
    fitLine(drawFoot(app, width), width),
  ];
}

function drawRows({ view, filtering }: App, size: Size, nowMs: number): Line[] {
  const inner = { width: size.width - 2, height: size.height - 2 };
  view.settle(inner.height - 1);
  const { rows, screen, collection, top, cursor, sort, widest } = view;
  const { phase } = collection;
  const old = phase.state === "stale" || phase.state === "failed";
  const { columns } = screen.presentation;
  const table = { columns, rows, top, cursor, sort, nowMs, widest, stale: old, toneOf: screen.toneOf };
  const failed = phase.state === "failed" ? drawProblem(phase.error, inner.width) : undefined;
  const nothing = rows.length === 0 ? [[], [{ text: `  ${emptyText(view)}`, tone: "faint" } as const]] : [];
  const lines = failed ?? [...drawTable(table, inner.width, inner.height), ...nothing];
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

function titleOf({ screen, rows, collection, filter }: View, filtering: boolean): Line {
  const all = collection.items.length;
  const more = collection.hasMore ? "+" : "";
  const count = filter === "" ? `${all}${more}` : `${rows.length} of ${all}${more}`;
  const searched: Piece[] =
    filtering || filter !== ""
      ? [
          { text: "  /", tone: "accent" },
          { text: escapeText(filter), bold: true },
          { text: filtering ? "▏" : "", tone: "accent" },
        ]
      : [];
  return [{ text: escapeText(screen.title), bold: true }, { text: `  ${count}`, tone: "accent" }, ...searched];
}

function noteOf({ collection, sort, screen }: View, nowMs: number): Line {
  const { phase } = collection;
  const column = sort === undefined ? undefined : screen.presentation.columns[sort.column]?.title;
  const sorted: Piece[] = column === undefined ? [] : [{ text: `by ${column.toLowerCase()}`, tone: "faint" }];
  if (phase.state === "stale") {
    return [{ text: `as it was ${staleSeconds(phase.sinceMs, nowMs)} ago, trying again`, tone: "bad" }];
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

function textOf(app: App, { what, id }: Reading, width: number): { title: string; lines: Line[] } {
  if (what === "help") return { title: "Keys", lines: drawHelp(app.view.screen) };
  if (what === "cloud") return { title: "The cloud", lines: drawCloud(app, width) };
  const item = id === undefined ? undefined : app.view.find(id);
  const { kind, nameOf } = app.view.screen.presentation;
  if (item === undefined) return { title: kind, lines: [[{ text: " It is not there any more.", tone: "warn" }]] };
  return { title: `${kind} ${escapeText(nameOf(item))}`, lines: drawDetail(item) };
}

function drawCloud({ cluster: { status } }: App, width: number): Line[] {
  if (status === undefined) return [[{ text: " How it is, operators and admins may see.", tone: "faint" }]];
  const { problems, ...facts } = status;
  const told = problems.flatMap((problem) =>
    wrapText(escapeText(problem), width - 4).map(
      (line, i): Line => [{ text: `${i === 0 ? " ▲ " : "   "}${line}`, tone: "warn" }],
    ),
  );
  const head: Line[] = told.length === 0 ? [[{ text: " All is as it should be.", tone: "good" }]] : told;
  return [...head, [], ...drawDetail(facts)];
}

function drawFoot(app: App, width: number): Line {
  const { message, mode, view } = app;
  if (message !== undefined) return [{ text: ` ${escapeText(message.text)}`, tone: message.tone }];
  if (mode === "question") return [];
  if (mode === "text")
    return hints([
      ["↑ ↓", "move"],
      ["esc", "back"],
    ]);
  if (mode === "filter")
    return hints([
      ["enter", "keep the filter"],
      ["esc", "show all"],
    ]);
  return drawHints(view.screen, app.depth > 1, width);
}
