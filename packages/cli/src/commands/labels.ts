import { SkerryError } from "@skerry/core/contract/errors.ts";

export const LABEL_OPTION = {
  label: { type: "array", describe: "KEY=VALUE; may be repeated" },
} as const;
export const LABEL_CHANGE_OPTION = {
  label: { type: "array", describe: "KEY=VALUE sets, KEY- takes away; may be repeated" },
} as const;

/** @throws `invalid` */
export function parseLabels(texts: readonly string[]): Record<string, string> {
  return changeLabels({}, texts, false);
}

/** `before` with `KEY=VALUE` set and `KEY-` taken away. @throws `invalid` */
export function changeLabels(
  before: Readonly<Record<string, string>>,
  texts: readonly string[],
  mayRemove = true,
): Record<string, string> {
  const labels = new Map(Object.entries(before));
  for (const text of texts) {
    const equals = text.indexOf("=");
    if (equals > 0) labels.set(text.slice(0, equals), text.slice(equals + 1));
    else if (mayRemove && equals < 0 && text.length > 1 && text.endsWith("-")) labels.delete(text.slice(0, -1));
    else throw new SkerryError("invalid", `${JSON.stringify(text)} is not a label: a label is KEY=VALUE.`);
  }
  return Object.fromEntries(labels);
}
