/** What the app asks before it does something: lines of text, or the name of what will be destroyed. */
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { isText } from "../keys/names.ts";
import type { Call, Intent } from "../screens/screen.ts";

export type QuestionIntent = Extract<Intent, { kind: "prompt" | "confirm" }>;

export interface Question {
  readonly intent: QuestionIntent;
  /** One for each field. */
  readonly typed: readonly string[];
  /** The field that is typed into. */
  readonly at: number;
  /** The call is under way. */
  readonly busy: boolean;
  /** Why it was not done. */
  readonly problem?: { readonly message: string; readonly hint?: string | undefined };
}

/** What nobody can be asked to type is confirmed by a word. */
const CONFIRM_WORD = "delete";
const MAX_TYPED_NAME = 64;

export function ask(intent: QuestionIntent): Question {
  const typed = intent.kind === "prompt" ? intent.fields.map(({ value = "" }) => value) : [""];
  return { intent, typed, at: 0, busy: false };
}

/** The text after a key that is neither Enter nor Esc. */
export function typeInto(text: string, key: string): string {
  return isText(key) && text.length < LIMITS.tui.maxPromptLength ? text + key : text;
}

export function eraseFrom(text: string): string {
  return Array.from(text).slice(0, -1).join("");
}

/** With another text in the field that is typed into. */
export function retyped(question: Question, change: (text: string) => string): Question {
  const { intent, typed, at } = question;
  return { intent, at, busy: false, typed: typed.map((text, i) => (i === at ? change(text) : text)) };
}

/** The next field, or the one before, round and round. */
export function turned({ problem: _, ...question }: Question, by: 1 | -1): Question {
  const { length } = question.typed;
  return { ...question, at: (question.at + by + length) % length };
}

/** What must be typed: the name; a word where it is long, or holds what no keyboard has. */
export function wordFor(name: string): string {
  return name.length <= MAX_TYPED_NAME && /^[\x20-\x7e]+$/.test(name) && name.trim() === name ? name : CONFIRM_WORD;
}

/** The first field that must not be empty and is, and what to say of it. */
export function missingField({ intent, typed }: Question): { place: number; message: string } | undefined {
  if (intent.kind === "confirm") return undefined;
  const place = intent.fields.findIndex(({ optional = false }, i) => !optional && typed[i]?.trim() === "");
  const field = intent.fields[place];
  return field === undefined ? undefined : { place, message: `${field.label} is missing.` };
}

/** What to call now; undefined while the answer is not the one that is needed. */
export function answerOf(question: Question): { readonly call: Call; readonly done: string } | undefined {
  const { intent, typed, busy } = question;
  if (busy || missingField(question) !== undefined) return undefined;
  if (intent.kind === "confirm") return typed[0] === wordFor(intent.name) ? intent : undefined;
  const texts = typed.map((text) => text.trim());
  return { call: intent.call(...texts), done: intent.done(...texts) };
}
