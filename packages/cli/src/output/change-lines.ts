/** A field as it was and as it is instead, for people. */
import { escapeJson, escapeText } from "./escape.ts";

/** Absent: it was, or is, not there. */
export function changeLines({
  field,
  before,
  after,
}: {
  readonly field: string;
  readonly before?: unknown;
  readonly after?: unknown;
}): string {
  const side = (sign: string, value: unknown) =>
    value === undefined ? "" : `  ${sign} ${escapeText(field)}: ${valueText(value)}\n`;
  return side("-", before) + side("+", after);
}

function valueText(value: unknown): string {
  return typeof value === "string" && value !== "" ? escapeText(value) : escapeJson(JSON.stringify(value));
}
