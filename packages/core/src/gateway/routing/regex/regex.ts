/**
 * Regular expressions whose cost is known before they are used. A pattern becomes an NFA (Thompson, 1968) and that a DFA
 * (subset construction) with bounds on both and on the work; what is over a bound is refused. So a test of a text is
 * one look into a table for each character, whatever the pattern and the text.
 */
import { LIMITS } from "../../../domain/limits.ts";
import { prefixOf } from "./literal.ts";
import { buildNfa, type Nfa } from "./nfa.ts";
import { OTHER, parsePattern, refusedPattern, SYMBOLS } from "./syntax.ts";

const { maxPatternStates, maxPatternTable, maxPatternWork } = LIMITS.gateway;

/** States that end a test: nothing can match any more, and it has matched whatever follows. */
const NEVER = 0;
const MATCHED = 1;

/** Finds the pattern anywhere in a text, like `RegExp.test`; `^` and `$` are the text's ends. */
export class Regex {
  readonly source: string;
  /** What every text that matches begins with; `""` when that is not known. */
  readonly literalPrefix: string;
  /** States of the automaton. */
  readonly states: number;
  readonly #first: number;
  /** By character: which column of the table. */
  readonly #columns: Uint8Array;
  readonly #width: number;
  /** Row of a state: the state that follows, by column. */
  readonly #table: Uint16Array;
  /** 1: the text may end here. */
  readonly #mayEnd: Uint8Array;

  /** @throws `invalid` that says what is not taken, and why. */
  constructor(source: string) {
    const pattern = parsePattern(source);
    const { first, columns, width, table, mayEnd } = new Determinizer(source, buildNfa(source, pattern)).run();
    this.source = source;
    this.literalPrefix = prefixOf(pattern);
    this.states = mayEnd.length;
    this.#first = first;
    this.#columns = columns;
    this.#width = width;
    this.#table = table;
    this.#mayEnd = mayEnd;
  }

  /** Of the text from there on: it begins and is matched there. */
  test(text: string, from = 0): boolean {
    const columns = this.#columns;
    const table = this.#table;
    const width = this.#width;
    let state = this.#first;
    if (state <= MATCHED) return state === MATCHED;
    for (let at = from; at < text.length; at++) {
      const code = text.charCodeAt(at);
      state = table[state * width + (columns[Math.min(code, OTHER)] as number)] as number;
      if (state <= MATCHED) return state === MATCHED;
    }
    return this.#mayEnd[state] === 1;
  }

  /** Whether a text that begins so may match. */
  mayBegin(text: string): boolean {
    let state = this.#first;
    for (let at = 0; at < text.length && state > MATCHED; at++) {
      state = this.#table[state * this.#width + (this.#columns[text.charCodeAt(at)] as number)] as number;
    }
    return state !== NEVER;
  }
}

interface Automaton {
  readonly first: number;
  readonly columns: Uint8Array;
  readonly width: number;
  readonly table: Uint16Array;
  readonly mayEnd: Uint8Array;
}

class Determinizer {
  readonly #source: string;
  readonly #nfa: Nfa;
  /** Nodes of the NFA that each state stands for. */
  readonly #states: (readonly number[])[] = [[], []];
  readonly #mayEnd: number[] = [0, 1];
  readonly #byNodes = new Map<string, number>();
  readonly #rows: number[] = [];
  #work = 0;

  constructor(source: string, nfa: Nfa) {
    this.#source = source;
    this.#nfa = nfa;
  }

  run(): Automaton {
    const { columns, samples } = this.#split();
    const width = samples.length;
    const first = this.#stateFor([this.#nfa.first], true);
    // A match may begin at every place.
    const again = this.#closure([this.#nfa.first], false, false);
    this.#rows.push(...new Array<number>(width).fill(NEVER), ...new Array<number>(width).fill(MATCHED));
    for (let state = MATCHED + 1; state < this.#states.length; state++) {
      for (const sample of samples) this.#rows.push(this.#step(state, sample, again));
      if (this.#states.length * width > maxPatternTable) throw this.#tooMuch();
    }
    if (first !== MATCHED && !this.#rows.includes(MATCHED, 2 * width) && !this.#mayEnd.includes(1, MATCHED + 1)) {
      throw refusedPattern(this.#source, "nothing matches it");
    }
    return { first, columns, width, table: Uint16Array.from(this.#rows), mayEnd: Uint8Array.from(this.#mayEnd) };
  }

  /** Characters that every set treats alike share a column; one sample for each. */
  #split(): { columns: Uint8Array; samples: number[] } {
    let columns = new Uint8Array(SYMBOLS);
    let count = 1;
    for (const set of new Set(this.#nfa.sets)) {
      if (set === undefined) continue;
      const seen = new Map<number, number>();
      const next = new Uint8Array(SYMBOLS);
      for (let code = 0; code < SYMBOLS; code++) {
        const key = (columns[code] as number) * 2 + (set[code] as number);
        let column = seen.get(key);
        if (column === undefined) {
          column = seen.size;
          seen.set(key, column);
        }
        next[code] = column;
      }
      count = seen.size;
      columns = next;
    }
    return { columns, samples: Array.from({ length: count }, (_, column) => columns.indexOf(column)) };
  }

  #step(state: number, sample: number, again: readonly number[]): number {
    const { sets, out } = this.#nfa;
    const reached: number[] = [];
    for (const node of this.#states[state] as readonly number[]) {
      this.#spend();
      if (sets[node]?.[sample] === 1) reached.push(out[node] as number);
    }
    return this.#stateFor(reached, false, again);
  }

  #stateFor(nodes: readonly number[], isStart: boolean, more: readonly number[] = []): number {
    const closed = new Set(this.#closure(nodes, isStart, false));
    for (const node of more) closed.add(node);
    if (closed.has(this.#nfa.match)) return MATCHED;
    if (closed.size === 0) return NEVER;
    const sorted = [...closed].sort((a, b) => a - b);
    const key = `${isStart} ${sorted.join(" ")}`;
    const known = this.#byNodes.get(key);
    if (known !== undefined) return known;
    const state = this.#states.length;
    if (state >= maxPatternStates) throw this.#tooMuch();
    this.#byNodes.set(key, state);
    this.#states.push(sorted);
    this.#mayEnd.push(this.#closure(sorted, isStart, true).includes(this.#nfa.match) ? 1 : 0);
    return state;
  }

  /** The nodes that wait for a character or for the end, and the match, which are reached without reading. */
  #closure(from: readonly number[], isStart: boolean, isEnd: boolean): number[] {
    const { kinds, out, other, match } = this.#nfa;
    const seen = new Set(from);
    const waiting: number[] = [];
    for (const node of seen) {
      this.#spend();
      const kind = kinds[node];
      if (node === match || kind === "set") waiting.push(node);
      else if (kind === "split") seen.add(out[node] as number).add(other[node] as number);
      else if (kind === "start" ? isStart : isEnd) seen.add(out[node] as number);
      else if (kind === "end") waiting.push(node);
    }
    return waiting;
  }

  #spend(): void {
    if (++this.#work > maxPatternWork) throw this.#tooMuch();
  }

  #tooMuch() {
    return refusedPattern(
      this.#source,
      "to test a text in one pass it would need a table larger than a pattern may have",
      "Counted repetitions behind .* make it large: anchor it with ^, or say * instead of {2,50}.",
    );
  }
}
