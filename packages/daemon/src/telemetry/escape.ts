/** What must not reach a terminal or a log line as it is, and what must not be in a log at all. */

/**
 * C0 and C1 controls, DEL, separators of lines, marks that reorder text, halves of surrogate pairs. Tabs and line breaks
 * too: one event is one line.
 */
const UNSAFE = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/** The same beyond ASCII: what `JSON.stringify` lets through. */
const UNSAFE_IN_JSON = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Shapes of our secrets, wherever they stand: tokens, bearer headers, password hashes, passwords in URLs. */
const SECRETS =
  /sky_[\w-]{8,}|\bBearer +[\w.~+/=-]{8,}|\$argon2(?:id|i|d)\$[\w$=,+/.-]+|(?<=:\/\/[^\s/:@"]{0,256}:)[^\s/@"]{1,256}(?=@)/gi;
export const REDACTED = "[redacted]";

/** For people: `\x1b`, `\u202e`; line breaks and tabs as `\n`, `\t`. */
export function escapeControls(text: string): string {
  return text.replace(UNSAFE, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return "\\t";
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : unicodeEscape(character);
  });
}

/** For a line of JSON, in which such characters can only stand inside strings. */
export function escapeJsonLine(json: string): string {
  return json.replace(UNSAFE_IN_JSON, unicodeEscape);
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

export function withoutSecrets(text: string): string {
  return text.replace(SECRETS, REDACTED);
}

/** A field of such a name is a secret whatever its value: `password`, `newPassword`, `secret_hash`, `Authorization`. */
export function isSecretName(name: string): boolean {
  return /(?:password|secret|token|bearer|authorization|cookie|apikey)s?(?:hash)?$/.test(plain(name));
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, "");
}
