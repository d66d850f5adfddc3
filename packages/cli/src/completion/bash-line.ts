/** What stands before the cursor in bash, which hands over the line as it was typed. */

export interface TypedLine {
  /** Without quotes, without the program; the last is the one under the cursor, perhaps empty. */
  readonly words: readonly string[];
  /** What bash does not replace of that word: it ends words also at `:` and `=`. Without quotes. */
  readonly kept: string;
  /** The quote that is open at the cursor. */
  readonly quote: "" | "'" | '"';
}

const ASSIGNMENT = /^[A-Za-z_]\w*=/;

/** `breaks` is `COMP_WORDBREAKS`. The line ends at the cursor. */
export function readBashLine(line: string, breaks: string): TypedLine {
  const words: string[] = [];
  let word: string | undefined;
  let kept = 0;
  let quote: TypedLine["quote"] = "";
  const add = (text: string) => {
    word = (word ?? "") + text;
  };
  for (let i = 0; i < line.length; i++) {
    const char = line[i] ?? "";
    if (quote === "'" || (quote === '"' && char !== "\\")) {
      if (char === quote) quote = "";
      else add(char);
    } else if (char === "\\") {
      const next = line[++i] ?? "";
      // Within double quotes a backslash stands for itself before most characters.
      add(quote === '"' && !/["\\$`\n]/.test(next) ? `\\${next}` : next);
    } else if (char === "'" || char === '"') {
      quote = char;
      add("");
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      kept = 0;
    } else {
      add(char);
      if (breaks.includes(char)) kept = word?.length ?? 0;
    }
  }
  words.push(word ?? "");
  while (words.length > 1 && ASSIGNMENT.test(words[0] ?? "")) words.shift();
  return { words: words.slice(1), kept: (word ?? "").slice(0, kept), quote };
}

/** As it is typed after what is there already. */
export function quoteForBash(text: string, quote: TypedLine["quote"]): string {
  if (quote === "'") return text.replaceAll("'", "'\\''");
  if (quote === '"') return text.replace(/["\\$`]/g, "\\$&");
  return text.replace(/[^\w./:=@%+,~\u0080-\uffff-]/g, "\\$&").replace(/^~(?!\/)/, "\\~");
}
