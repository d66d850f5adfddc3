/** What the app asks before it does something: lines of text, or the name of what will be destroyed. */
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { isText } from "../keys/names.ts";
import type { Action } from "../keys/registry.ts";
import type { Call, Intent } from "../screens/screen.ts";

export type QuestionIntent = Extract<Intent, { kind: "prompt" | "confirm" | "sure" }>;

export interface Question {
  readonly intent: QuestionIntent;
  /** One for each field. */
  readonly typed: readonly string[];
  /** The field that is typed into. */
  readonly at: number;
  /** The call is under way. */
  readonly busy: boolean;
  /** What will happen, when it is asked once more. */
  readonly sure?: string;
  /** Why it was not done. */
  readonly problem?: { readonly message: string; readonly hint?: string | undefined };
}

/** What nobody can be asked to type is confirmed by a word. */
const CONFIRM_WORD = "delete";
const MAX_TYPED_NAME = 64;

export function ask(intent: QuestionIntent): Question {
  const fields = intent.kind === "prompt" ? intent.fields.map(({ value = "" }) => value) : [""];
  const typed = intent.kind === "sure" ? [] : fields;
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
function turned({ problem: _, ...question }: Question, by: 1 | -1): Question {
  const { length } = question.typed;
  if (length === 0) return question;
  return { ...question, at: (question.at + by + length) % length };
}

/** What must be typed: the name; a word where it is long, or holds what no keyboard has. */
export function wordFor(name: string): string {
  return name.length <= MAX_TYPED_NAME && /^[\x20-\x7e]+$/.test(name) && name.trim() === name ? name : CONFIRM_WORD;
}

/** The first field that must not be empty and is, and what to say of it. */
function missingField({ intent, typed }: Question): { place: number; message: string } | undefined {
  if (intent.kind !== "prompt") return undefined;
  const place = intent.fields.findIndex(({ optional = false }, i) => !optional && typed[i]?.trim() === "");
  const field = intent.fields[place];
  return field === undefined ? undefined : { place, message: `${field.label} is missing.` };
}

/** What to call now; undefined while the answer is not the one that is needed. */
export function answerOf(question: Question): { readonly call: Call; readonly done: string } | undefined {
  const { intent, typed, busy } = question;
  if (busy || missingField(question) !== undefined) return undefined;
  if (intent.kind === "confirm") return typed[0] === wordFor(intent.name) ? intent : undefined;
  if (intent.kind === "sure") return intent;
  const texts = typed.map((text) => text.trim());
  return { call: intent.call(...texts), done: intent.done(...texts) };
}

/** After a key that neither does it nor leaves it. Nothing is typed while it is asked once more. */
export function edited(question: Question, action: Action | undefined, key: string): Question {
  if (question.sure !== undefined) return question;
  if (action === "next-field") return turned(question, 1);
  if (action === "previous-field") return turned(question, -1);
  if (action === "erase") return retyped(question, eraseFrom);
  if (action === "clear") return retyped(question, () => "");
  return retyped(question, (text) => typeInto(text, key));
}

/** As it was before it was asked once more, and before it was under way. */
export function unasked({ intent, typed, at }: Question): Question {
  return { intent, typed, at, busy: false };
}

/** What Enter leads to, besides doing it: what is missing, the next field, or asking once more. */
export function stepped(question: Question): Question | undefined {
  const { intent, typed, at, sure } = question;
  const missing = missingField(question);
  const inLast = at >= typed.length - 1;
  if (missing !== undefined) {
    // Who was in the field, or at the end, has left it out; else one goes on to it.
    const left = inLast || missing.place === at;
    return { ...question, at: missing.place, ...(left ? { problem: missing } : {}) };
  }
  if (!inLast) return turned(question, 1);
  if (intent.kind !== "prompt" || intent.sure === undefined || sure !== undefined) return undefined;
  return { ...unasked(question), sure: intent.sure(...typed.map((text) => text.trim())) };
}
