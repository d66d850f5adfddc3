/** How an error is told, and with which status the program ends. */
import { styleText } from "node:util";
import { type SkerryError, toProblem } from "@skerry/core/contract/errors.ts";
import { escapeJson, escapeLines, escapeText } from "./escape.ts";

/** `error: what happened`, what to do, `[code/reason]`. */
export function formatError(error: SkerryError, color: boolean): string {
  const word = color ? styleText("red", "error:", { validateStream: false }) : "error:";
  const hint = error.hint === undefined ? [] : escapeLines(error.hint).split("\n");
  const id = error.reason === undefined ? error.code : `${error.code}/${error.reason}`;
  return [`${word} ${escapeText(error.message)}`, ...hint.map((line) => `  ${line}`), `  [${id}]`, ""].join("\n");
}

/** The problem document, on one line. */
export function formatProblem(error: SkerryError): string {
  return `${escapeJson(JSON.stringify(toProblem(error)))}\n`;
}
