/**
 * What a pattern may say: the part of JavaScript's regular expressions that needs no going back. Characters are 0 to 255;
 * all above are one, `OTHER`: they are in what is negated and in `.`, and cannot be named.
 */
import { SkerryError } from "../../../domain/errors.ts";
import { LIMITS } from "../../../domain/limits.ts";

/** Characters that a set tells apart. */
export const SYMBOLS = 257;
export const OTHER = 256;

/** 1 for each character that is in it. */
export type CharSet = Uint8Array;

export type Pattern =
  | { readonly kind: "set"; readonly set: CharSet /** The only one that is in it. */; readonly char?: string }
  | { readonly kind: "all"; readonly parts: readonly Pattern[] }
  | { readonly kind: "either"; readonly options: readonly Pattern[] }
  /** `max`: -1 for without end. `groups`: of those in `part` the first and the one behind the last, where they are kept. */
  | {
      readonly kind: "repeat";
      readonly part: Pattern;
      readonly min: number;
      readonly max: number;
      readonly isLazy: boolean;
      readonly groups: readonly [number, number];
    }
  /** Only where groups are kept. */
  | { readonly kind: "group"; readonly part: Pattern; readonly index: number }
  | { readonly kind: "start" }
  | { readonly kind: "end" };

const { maxPattern, maxPatternDepth, maxPatternRepeat } = LIMITS.gateway;

function setOf(test: (code: number) => boolean): CharSet {
  return Uint8Array.from({ length: SYMBOLS }, (_, code) => (test(code) ? 1 : 0));
}

function among(characters: string): CharSet {
  return setOf((code) => code < OTHER && characters.includes(String.fromCharCode(code)));
}

const DIGIT = setOf((code) => code >= 0x30 && code <= 0x39);
const WORD = setOf((code) => code < 0x80 && /\w/.test(String.fromCharCode(code)));
const BLANK = among(" \t\n\v\f\r");
const ANY = setOf((code) => code !== 0x0a && code !== 0x0d);
const CLASSES: Readonly<Record<string, CharSet>> = {
  d: DIGIT,
  w: WORD,
  s: BLANK,
  D: setOf((code) => DIGIT[code] === 0),
  W: setOf((code) => WORD[code] === 0),
  S: setOf((code) => BLANK[code] === 0),
};
const CONTROLS: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", f: "\f", v: "\v" };
const LITERALS = Array.from({ length: OTHER }, (_, code) => setOf((one) => one === code));
const FOLDED = LITERALS.map((set, code) => {
  const char = String.fromCharCode(code);
  return code < 0x80 && /[a-z]/i.test(char) ? among(char.toLowerCase() + char.toUpperCase()) : set;
});

/** A parsed pattern; groups are only brackets in it. @throws `invalid` that says which part is not taken, and why. */
export function parsePattern(source: string): Pattern {
  return new Parser(source, false).parse();
}

/** The same with its groups, which are counted from 1. @throws `invalid`. */
export function parseGroups(source: string): { readonly pattern: Pattern; readonly groups: number } {
  const parser = new Parser(source, true);
  const pattern = parser.parse();
  return { pattern, groups: parser.groups };
}

/** What is said of every pattern that is not taken. */
export function refusedPattern(source: string, why: string, hint?: string): SkerryError {
  return new SkerryError("invalid", `The pattern ${quoted(source)} is not taken: ${why}.`, {
    hint: hint ?? "Patterns are regular expressions without look-around and back-references, like ^/v\\d+/users$",
    details: { field: "pattern" },
  });
}

/** As it was written where that can be: doubled backslashes would be another pattern. */
function quoted(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? `"${text}"` : JSON.stringify(text);
}

class Parser {
  readonly #source: string;
  #at = 0;
  #depth = 0;
  #ignoresCase = false;
  groups = 0;
  readonly #keepsGroups: boolean;

  constructor(source: string, keepsGroups: boolean) {
    this.#source = source;
    this.#keepsGroups = keepsGroups;
  }

  parse(): Pattern {
    const source = this.#source;
    if (source === "") throw refusedPattern(source, "it is empty");
    if (source.length > maxPattern) {
      throw refusedPattern(
        `${source.slice(0, 20)}...`,
        `it has ${source.length} characters, and ${maxPattern} is the most`,
      );
    }
    const strange = /[^\x20-\x7e]/u.exec(source);
    if (strange !== null) {
      throw this.#refuse(
        strange.index,
        strange[0],
        "a pattern has visible ASCII only",
        "Paths have others percent-encoded, like %C3%A9.",
      );
    }
    if (source.startsWith("(?i)")) {
      this.#ignoresCase = true;
      this.#at = 4;
    }
    const pattern = this.#either();
    if (this.#at < source.length)
      throw this.#refuse(this.#at, ")", "no ( stands before it", "Write \\) for the character.");
    return pattern;
  }

  #refuse(at: number, what: string, why: string, hint?: string): SkerryError {
    return refusedPattern(this.#source, `${quoted(what)} at character ${at + 1}: ${why}`, hint);
  }

  #either(): Pattern {
    const options = [this.#all()];
    while (this.#source[this.#at] === "|") {
      this.#at++;
      options.push(this.#all());
    }
    return options.length === 1 ? (options[0] as Pattern) : { kind: "either", options };
  }

  #all(): Pattern {
    const parts: Pattern[] = [];
    while (this.#at < this.#source.length && this.#source[this.#at] !== "|" && this.#source[this.#at] !== ")") {
      const from = this.#at;
      const groups = this.groups + 1;
      parts.push(this.#repeated(this.#one(), from, groups));
    }
    return parts.length === 1 ? (parts[0] as Pattern) : { kind: "all", parts };
  }

  #one(): Pattern {
    const from = this.#at;
    const char = this.#source[this.#at++] as string;
    switch (char) {
      case "(":
        return this.#group(from);
      case "[":
        return { kind: "set", set: this.#class(from) };
      case ".":
        return { kind: "set", set: ANY };
      case "^":
        return { kind: "start" };
      case "$":
        return { kind: "end" };
      case "\\":
        return this.#escaped(from);
      case "*":
      case "+":
      case "?":
        throw this.#refuse(from, char, "there is nothing before it to repeat", `Write \\${char} for the character.`);
      case "{":
      case "}":
      case "]":
        throw this.#refuse(
          from,
          char,
          "it stands for itself only behind a \\",
          `Write \\${char} for the character, or [^/]+ for "any name".`,
        );
      default:
        return this.#literal(char);
    }
  }

  #literal(char: string): Pattern {
    const code = char.charCodeAt(0);
    const set = (this.#ignoresCase ? FOLDED : LITERALS)[code] as CharSet;
    return set === LITERALS[code] ? { kind: "set", set, char } : { kind: "set", set };
  }

  #group(from: number): Pattern {
    const rest = this.#source.slice(this.#at);
    const opening = /^\?(:|P?<[A-Za-z_]\w*>)/.exec(rest)?.[0];
    if (opening !== undefined) this.#at += opening.length;
    else if (rest.startsWith("?")) throw this.#refuse(from, `(${rest.slice(0, 3)}`, whyNoGroup(rest));
    const index = opening === "?:" ? 0 : ++this.groups;
    if (++this.#depth > maxPatternDepth)
      throw this.#refuse(from, "(", `groups lie in each other ${maxPatternDepth} deep at most`);
    const inner = this.#either();
    this.#depth--;
    if (this.#source[this.#at] !== ")")
      throw this.#refuse(from, "(", "it is not closed", "Write \\( for the character.");
    this.#at++;
    return this.#keepsGroups && index > 0 ? { kind: "group", part: inner, index } : inner;
  }

  #repeated(part: Pattern, from: number, firstGroup: number): Pattern {
    const [text, low, comma, high] = /^(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})/.exec(this.#source.slice(this.#at)) ?? [];
    if (text === undefined) return part;
    if ("^$".includes(this.#source[from] as string)) {
      throw this.#refuse(from, this.#source.slice(from, this.#at + 1), "a place is not repeated");
    }
    const at = this.#at;
    this.#at += text.length;
    const next = this.#source[this.#at];
    if (next === "+" || next === "*" || next === "{") {
      throw this.#refuse(this.#at, next, "a repetition is not repeated", "Put what is to be repeated in ( ).");
    }
    // Taking as few as possible is the same when only a yes or no is asked for.
    const isLazy = next === "?";
    if (isLazy) this.#at++;
    const how = { kind: "repeat", part, isLazy, groups: [firstGroup, this.groups + 1] } as const;
    if (text === "*") return { ...how, min: 0, max: -1 };
    if (text === "+") return { ...how, min: 1, max: -1 };
    if (text === "?") return { ...how, min: 0, max: 1 };
    const min = Number(low);
    const max = comma === undefined ? min : high === "" ? -1 : Number(high);
    if (min > maxPatternRepeat || max > maxPatternRepeat)
      throw this.#refuse(at, text, `${maxPatternRepeat} times is the most`);
    if (max !== -1 && max < min) throw this.#refuse(at, text, "the second number is smaller than the first");
    return { ...how, min, max };
  }

  #escaped(from: number): Pattern {
    const what = this.#escape(from);
    return typeof what === "string" ? this.#literal(what) : { kind: "set", set: what };
  }

  /** What stands behind a `\`: a character, or a set of them. */
  #escape(from: number): string | CharSet {
    const char = this.#source[this.#at++];
    if (char === undefined) throw this.#refuse(from, "\\", "nothing stands behind it", "Write \\\\ for the character.");
    const known = CLASSES[char] ?? CONTROLS[char];
    if (known !== undefined) return known;
    if (char === "x") {
      const digits = /^[0-9a-f]{2}/i.exec(this.#source.slice(this.#at))?.[0];
      if (digits === undefined) throw this.#refuse(from, "\\x", "two hexadecimal digits stand behind it");
      this.#at += 2;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    if (/[A-Za-z0-9]/.test(char)) throw this.#refuse(from, `\\${char}`, whyNoEscape(char));
    return char;
  }

  #class(from: number): CharSet {
    const isNegated = this.#source[this.#at] === "^";
    if (isNegated) this.#at++;
    const set = new Uint8Array(SYMBOLS);
    while (this.#source[this.#at] !== "]") {
      if (this.#at >= this.#source.length)
        throw this.#refuse(from, "[", "it is not closed", "Write \\[ for the character.");
      this.#range(set);
    }
    this.#at++;
    const folded = this.#ignoresCase ? foldSet(set) : set;
    const result = isNegated ? folded.map((one) => 1 - one) : folded;
    if (!result.includes(1)) throw this.#refuse(from, this.#source.slice(from, this.#at), "no character is in it");
    return result;
  }

  #range(set: CharSet): void {
    const from = this.#at;
    const low = this.#classAtom();
    const isRange = this.#source[this.#at] === "-" && !["]", undefined].includes(this.#source[this.#at + 1]);
    if (!isRange) {
      if (typeof low === "string") set[low.charCodeAt(0)] = 1;
      else for (let code = 0; code < SYMBOLS; code++) set[code] = (set[code] as number) | (low[code] as number);
      return;
    }
    this.#at++;
    const high = this.#classAtom();
    const text = this.#source.slice(from, this.#at);
    if (typeof low !== "string" || typeof high !== "string") {
      throw this.#refuse(
        from,
        text,
        "both ends of a range are single characters",
        "Put the - at the end of the class.",
      );
    }
    if (high < low) throw this.#refuse(from, text, "the range ends before it begins");
    for (let code = low.charCodeAt(0); code <= high.charCodeAt(0); code++) set[code] = 1;
  }

  #classAtom(): string | CharSet {
    const from = this.#at;
    const char = this.#source[this.#at++] as string;
    if (char === "[" && /^[:.=]/.test(this.#source.slice(this.#at))) {
      throw this.#refuse(
        from,
        this.#source.slice(from, from + 2),
        "named classes are not known",
        "Say a-z, \\d, \\w or \\s.",
      );
    }
    return char === "\\" ? this.#escape(from) : char;
  }
}

function foldSet(set: CharSet): CharSet {
  return set.map((one, code) => {
    if (one === 1 || code >= 0x80) return one;
    const char = String.fromCharCode(code);
    const other = char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase();
    return set[other.charCodeAt(0)] as number;
  });
}

function whyNoGroup(rest: string): string {
  if (rest.startsWith("?=") || rest.startsWith("?!"))
    return "it looks ahead, which cannot be done in one pass over the text";
  if (/^\?<[=!]/.test(rest)) return "it looks behind, which cannot be done in one pass over the text";
  if (/^\?[a-z]+[):]/.test(rest))
    return "the only flag is (?i), for upper and lower case alike, and it stands at the beginning";
  return "it is no group that is known: those are ( ), (?: ) and (?<name> )";
}

function whyNoEscape(char: string): string {
  if (/[1-9k]/.test(char))
    return "it refers back to what a group has matched, which cannot be done in one pass over the text";
  if (/[bB]/.test(char)) return "edges of words are not known";
  if (/[pPu]/.test(char)) return "characters above ASCII have no names here";
  return "it has no meaning here";
}
