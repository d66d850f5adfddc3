import { escapeText } from "@skerry/core/contract/present/escape.ts";
import { textWidth } from "@skerry/core/contract/present/width.ts";
import { type Question, wordFor } from "../app/question.ts";
import { hintsOf } from "./footer.ts";
import { drawFrame } from "./frame.ts";
import type { Line } from "./line.ts";
import { wrapText } from "./text.ts";

/** A box as wide as the screen. */
export function drawQuestion(question: Question, width: number): Line[] {
  const { intent, problem, sure } = question;
  const destroys = intent.kind === "confirm";
  const said = (text: string, tone: "plain" | "bad" | "faint"): Line[] =>
    wrapText(escapeText(text), width - 4).map((line) => [{ text: ` ${line}`, tone }]);
  const asked = destroys ? drawConfirm(question, intent.name, width) : drawFields(question, width);
  const body: Line[] = [
    ...said(sure ?? intent.hint, "plain"),
    ...(problem === undefined ? [] : [...said(problem.message, "bad"), ...said(problem.hint ?? "", "plain")]),
    ...(sure === undefined ? asked : []),
    hintsOf(
      "question",
      width - 2,
      { accept: acceptWord(question), ...(sure === undefined ? {} : { cancel: "back" }) },
      question.typed.length > 1 && sure === undefined ? [] : ["next-field"],
    ),
  ];
  const title: Line = [{ text: escapeText(intent.title), bold: true, tone: destroys ? "bad" : "accent" }];
  return drawFrame({ title, tone: destroys ? "bad" : "accent" }, body, { width, height: body.length + 2 });
}

function acceptWord({ intent, sure, busy }: Question): string {
  if (busy) return "...";
  if (intent.kind === "confirm") return "delete";
  if (intent.kind === "prompt" && intent.sure !== undefined && sure === undefined) return "go on";
  return intent.word ?? "create";
}

function drawConfirm({ typed: [typed = ""], busy }: Question, name: string, width: number): Line[] {
  const word = wordFor(name);
  const wrong = !word.startsWith(typed);
  return [
    [{ text: " Type " }, { text: word, bold: true }, { text: " to do it:" }],
    [
      ...typedLine(typed, width - 8, busy, true),
      { text: wrong ? `  that is another ${word === name ? "name" : "word"}` : "", tone: "bad" },
    ],
  ];
}

function drawFields({ intent, typed, at, busy }: Question, width: number): Line[] {
  if (intent.kind !== "prompt") return [];
  const labels = Math.max(...intent.fields.map(({ label }) => textWidth(label)));
  return intent.fields.map(({ label }, i) => [
    { text: ` ${label}${" ".repeat(labels - textWidth(label))}`, bold: i === at },
    ...typedLine(typed[i] ?? "", width - labels - 9, busy, i === at),
  ]);
}

/** The end of what is typed stays in sight. */
function typedLine(typed: string, width: number, busy: boolean, active: boolean): Line {
  const shown = Array.from(escapeText(typed)).slice(-Math.max(1, width)).join("");
  return [
    { text: " > ", tone: active ? "accent" : "faint" },
    { text: shown },
    { text: active ? (busy ? " ..." : "▏") : "", tone: "accent" },
  ];
}
