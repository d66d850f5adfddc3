/**
 * What comes from outside (names, keys, messages, labels) is escaped before it reaches a terminal: control characters
 * could steer it, bidirectional and invisible ones deceive the reader.
 */
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Cs}/gu;
/** The same without what `JSON.stringify` escapes itself (and the line feeds that it indents with). */
const UNSAFE_IN_JSON =
  /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** One line for a terminal: `\x1b`, `\n`, `\u202e`, `\u{e0001}` instead of the characters. */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, (char) => {
    if (char === "\n") return "\\n";
    if (char === "\t") return "\\t";
    if (char === "\r") return "\\r";
    const code = char.codePointAt(0) ?? 0;
    if (code <= 0xff) return `\\x${hex(code, 2)}`;
    return code <= 0xffff ? `\\u${hex(code, 4)}` : `\\u{${hex(code, 5)}}`;
  });
}

/** Text whose line feeds are meant, such as a hint of several lines. */
export function escapeLines(text: string): string {
  return text.split("\n").map(escapeText).join("\n");
}

/** Text of many lines, in any parts: as `escapeLines`, and tabs stay. */
export function plainText(text: string): string {
  return text.replace(/[^\n\t]+/g, escapeText);
}

/** JSON that is safe to show: still JSON, and it parses to the same value. */
export function escapeJson(json: string): string {
  return json.replace(UNSAFE_IN_JSON, (char) =>
    Array.from({ length: char.length }, (_, i) => `\\u${hex(char.charCodeAt(i), 4)}`).join(""),
  );
}

/** Whether a string holds something that `escapeJson` would change. */
export function isUnsafe(text: string): boolean {
  return text.search(UNSAFE) >= 0;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}
