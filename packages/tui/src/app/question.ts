/** What the app asks before it does something: a line of text, or the name of what will be destroyed. */
import type { SkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { isText } from "../keys/names.ts";
import type { Call, Intent } from "../screens/screen.ts";

export type QuestionIntent = Extract<Intent, { kind: "prompt" | "confirm" }>;

export interface Question {
  readonly intent: QuestionIntent;
  readonly typed: string;
  /** The call is under way. */
  readonly busy: boolean;
  /** Why it was not done. */
  readonly problem?: SkerryError;
}

/** The text after a key that is neither Enter nor Esc. */
export function typeInto(text: string, key: string): string {
  return isText(key) && text.length < LIMITS.tui.maxPromptLength ? text + key : text;
}

export function eraseFrom(text: string): string {
  return Array.from(text).slice(0, -1).join("");
}

/** What to call now; undefined while the answer is not the one that is needed. */
export function answerOf({
  intent,
  typed,
  busy,
}: Question): { readonly call: Call; readonly done: string } | undefined {
  if (busy) return undefined;
  if (intent.kind === "confirm") return typed === intent.name ? intent : undefined;
  const text = typed.trim();
  return text === "" ? undefined : { call: intent.call(text), done: intent.done(text) };
}
