/** A form: its parts, its fields, what is wrong with them; or what it would change. */
import { escapeText } from "@skerry/core/contract/present/escape.ts";
import { cutToWidth, textWidth } from "@skerry/core/contract/present/width.ts";
import type { Form, FormRow } from "../app/form.ts";
import { flowYaml } from "../form/codec.ts";
import { type Change, type FormField, fieldsOf } from "../form/draft.ts";
import { drawFrame, type Size } from "./frame.ts";
import type { Line, Piece } from "./line.ts";
import { breakText, wrapText } from "./text.ts";

export function drawForm(form: Form, size: Size): Line[] {
  const { title } = form.intent;
  const inner = { width: size.width - 2, height: size.height - 2 };
  const isSure = form.preview !== undefined;
  const body = form.preview === undefined ? drawFields(form, inner) : drawPreview(form, form.preview, inner);
  const note: Piece = form.busy
    ? { text: "asking ...", tone: "faint" }
    : { text: isSure ? "so it will be" : "", tone: "warn" };
  return drawFrame(
    { title: [{ text: escapeText(title), bold: true }], note: note.text === "" ? [] : [note], tone: "accent" },
    body,
    size,
  );
}

/** What is wrong stands below its field; what a field is for, at the lower end. */
function drawFields(form: Form, { width, height }: Size): Line[] {
  const said = drawSaid(form, width);
  const hint = hintOf(form)
    .flatMap((text) => wrapText(text, width - 3))
    .slice(0, 2);
  const foot: Line[] = [[], ...hint.map((text): Line => [{ text: ` ${text}`, tone: "faint" }])].slice(
    0,
    Math.max(0, height - 3),
  );
  const room = Math.max(1, height - said.length - foot.length);
  const labels = Math.max(...fieldsOf(form.intent.sections).map(({ label }) => textWidth(label)));
  const drawn = form.rows.map((row, i) => drawRow(form, row, i === form.cursor, { labels, width }));
  form.page = room;
  form.top = topOf(
    form,
    drawn.map(({ length }) => length),
    room,
  );
  const shown = drawn.slice(form.top).flat().slice(0, room);
  const empty: Line[] = Array.from({ length: Math.max(0, room - shown.length) }, () => []);
  return [...said, ...shown, ...empty, ...foot];
}

/** The first row in sight, so that the one that is typed into is, with what is wrong with it. */
function topOf({ top, cursor }: Form, heights: readonly number[], room: number): number {
  let first = Math.min(top, cursor);
  const taken = () => heights.slice(first, cursor + 1).reduce((sum, height) => sum + height, 0);
  while (first < cursor && taken() > room) first++;
  return first;
}

function drawSaid({ problem }: Form, width: number): Line[] {
  if (problem === undefined) return [];
  const lines = (text: string, tone: "bad" | "plain"): Line[] =>
    wrapText(escapeText(text), width - 3).map((line) => [{ text: ` ${line}`, tone }]);
  return [...lines(problem.message, "bad"), ...lines(problem.hint ?? "", "plain"), []];
}

function hintOf({ row, intent, ...form }: Form): string[] {
  if (row.kind === "go") return ["Enter asks the cloud whether it takes this, and shows what would change."];
  if (row.kind === "section") return ["Enter opens or closes this part."];
  const { field } = row;
  const fixed = field.fixed && intent.before !== undefined ? " It cannot be changed any more." : "";
  const turn =
    field.codec.choices === undefined ? "" : ` ← → choose: ${field.codec.choices.map((one) => one || "-").join(", ")}.`;
  return [`${field.hint}${fixed || turn}`].filter(() => !form.busy);
}

interface Columns {
  readonly labels: number;
  readonly width: number;
}

function drawRow(form: Form, row: FormRow, active: boolean, columns: Columns): Line[] {
  if (row.kind === "go")
    return [
      [],
      [{ text: `${active ? "▸" : " "} [ Look at it, then save ]`, tone: "accent", bold: true, inverse: active }],
    ];
  if (row.kind === "section") return [drawSection(form, row.place, active)];
  const { field, line } = row;
  const problem = form.problems.get(`${field.path} ${line}`);
  const below = problem === undefined ? [] : wrapText(escapeText(problem), columns.width - 8);
  return [
    drawField(form, field, line, active, columns),
    ...below.map((text, i): Line => [{ text: `    ${i === 0 ? "▲" : " "} ${text}`, tone: "bad" }]),
  ];
}

function drawSection(form: Form, place: number, active: boolean): Line {
  const { title } = form.intent.sections[place] ?? { title: "" };
  const isOpen = form.open.has(place);
  const filled = form.filledIn(place);
  const isWrong = form.intent.sections[place]?.fields.some(({ path }) =>
    [...form.problems.keys()].some((key) => key.startsWith(`${path} `)),
  );
  return [
    { text: `${active ? "▸" : " "}${isOpen ? "▾" : "▹"} `, tone: "accent" },
    { text: title, tone: "accent", bold: true, inverse: active },
    { text: isOpen || filled === 0 ? "" : `  ${filled} said`, tone: "faint" },
    { text: isWrong && !isOpen ? "  ▲" : "", tone: "bad" },
  ];
}

function drawField(form: Form, field: FormField, line: number, active: boolean, { labels, width }: Columns): Line {
  const { label, codec, path } = field;
  const text = form.textAt(path, line);
  const isFixed = form.isFixed(field);
  const head = line === 0 ? label : "";
  const isMore = codec.many && line > 0 && line === (form.texts.get(path)?.length ?? 0);
  return [
    { text: active ? "▸   " : "    ", tone: "accent" },
    { text: head.padEnd(labels), bold: active, tone: isFixed ? "faint" : "plain" },
    { text: isMore ? " + " : " > ", tone: active ? "accent" : "faint" },
    ...drawText(
      text,
      { active: active && !isFixed, isChoice: codec.choices !== undefined, isFixed },
      width - labels - 9,
    ),
  ];
}

/** The end of what is typed stays in sight. */
function drawText(text: string, how: { active: boolean; isChoice: boolean; isFixed: boolean }, width: number): Line {
  const shown = Array.from(escapeText(text)).slice(-Math.max(1, width)).join("");
  const tone = how.isFixed ? "faint" : "plain";
  if (how.isChoice && how.active) return [{ text: `‹ ${shown || "-"} ›`, tone: "accent", bold: true }];
  return [
    { text: how.isChoice ? shown || "-" : shown, tone },
    { text: how.active ? "▏" : "", tone: "accent" },
  ];
}

function drawPreview(form: Form, changes: readonly Change[], { width, height }: Size): Line[] {
  const isNew = form.intent.before === undefined;
  const lines = changes.flatMap(({ path, before, after }): Line[] => [
    [{ text: ` ${escapeText(path)}`, bold: true }],
    ...drawSide("-", before, width),
    ...drawSide("+", after, width),
  ]);
  const room = Math.max(1, height - 4);
  const cut = lines.length > room ? `  ... and ${lines.length - room} lines more` : "";
  const told = isNew ? "It would be made so:" : "This would change:";
  const head: Line[] = [[{ text: ` The cloud would take it. ${told}`, tone: "good" }], []];
  const foot: Line[] = cut === "" ? [] : [[{ text: cut, tone: "faint" }]];
  return [...head, ...lines.slice(0, room), ...foot];
}

function drawSide(mark: "-" | "+", value: unknown, width: number): Line[] {
  if (value === undefined) return [];
  const text = escapeText(typeof value === "string" ? value : flowYaml(value));
  const rows = breakText(text, width - 8);
  const shown = rows.length > 4 ? [...rows.slice(0, 3), cutToWidth(`${rows[3]}…`, width - 8)] : rows;
  return shown.map((row, i) => [{ text: `   ${i === 0 ? mark : " "} ${row}`, tone: mark === "-" ? "warn" : "good" }]);
}
