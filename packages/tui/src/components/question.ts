import { escapeText } from "@skerry/core/contract/present/escape.ts";
import type { Question } from "../app/question.ts";
import { hints } from "./footer.ts";
import { drawFrame } from "./frame.ts";
import type { Line } from "./line.ts";
import { wrapText } from "./text.ts";

/** A box as wide as the screen. */
export function drawQuestion({ intent, typed, busy, problem }: Question, width: number): Line[] {
  const destroys = intent.kind === "confirm";
  const inner = width - 4;
  const said = (text: string, tone: "plain" | "bad" | "faint"): Line[] =>
    wrapText(escapeText(text), inner).map((line) => [{ text: ` ${line}`, tone }]);
  const ask: Line = destroys
    ? [{ text: " Type " }, { text: escapeText(intent.name), bold: true }, { text: " to do it:" }]
    : [{ text: " Name:" }];
  const wrong = destroys && !intent.name.startsWith(typed);
  // The end of what is typed stays in sight.
  const shown = Array.from(escapeText(typed))
    .slice(-(inner - 4))
    .join("");
  const body: Line[] = [
    ...said(intent.hint, "plain"),
    ...(problem === undefined ? [] : [...said(problem.message, "bad"), ...said(problem.hint ?? "", "plain")]),
    ask,
    [
      { text: " > ", tone: "accent" },
      { text: shown, tone: wrong ? "bad" : "plain" },
      { text: busy ? " ..." : "▏", tone: "accent" },
      { text: wrong ? "  that is another name" : "", tone: "bad" },
    ],
    hints([
      ["enter", destroys ? "delete" : "create"],
      ["esc", "leave it"],
    ]),
  ];
  const title: Line = [{ text: escapeText(intent.title), bold: true, tone: destroys ? "bad" : "accent" }];
  return drawFrame({ title, tone: destroys ? "bad" : "accent" }, body, { width, height: body.length + 2 });
}
