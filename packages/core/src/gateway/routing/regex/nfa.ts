/** A pattern as a nondeterministic automaton (Thompson's construction). */
import { LIMITS } from "../../../domain/limits.ts";
import { type CharSet, type Pattern, refusedPattern } from "./syntax.ts";

/** Nodes as columns. `set` reads one character, the others read nothing; `start` and `end` hold at the text's ends only. */
export interface Nfa {
  readonly kinds: readonly ("set" | "split" | "start" | "end" | "match")[];
  readonly sets: readonly (CharSet | undefined)[];
  readonly out: readonly number[];
  /** The second way of a `split`. */
  readonly other: readonly number[];
  readonly first: number;
  readonly match: number;
}

/** @throws `invalid` when it would have too many nodes. */
export function buildNfa(source: string, pattern: Pattern): Nfa {
  const kinds: Nfa["kinds"][number][] = ["match"];
  const sets: (CharSet | undefined)[] = [undefined];
  const out: number[] = [0];
  const other: number[] = [0];
  let work = 0;

  const node = (kind: Nfa["kinds"][number], to: number, second = to, set?: CharSet): number => {
    kinds.push(kind);
    sets.push(set);
    other.push(second);
    return out.push(to) - 1;
  };

  /** The node where `part` begins when `next` follows it. Made from the end to the beginning. */
  const build = (part: Pattern, next: number): number => {
    // Also of empty groups, which make no nodes.
    if (++work > LIMITS.gateway.maxPatternNodes) {
      throw refusedPattern(source, "its repetitions in repetitions make it too large", "Repeat less, or say * or +.");
    }
    switch (part.kind) {
      case "set":
        return node("set", next, next, part.set);
      case "all":
        return part.parts.reduceRight((to, one) => build(one, to), next);
      case "either":
        return part.options.map((one) => build(one, next)).reduceRight((to, one) => node("split", one, to));
      case "repeat":
        return repeat(part, next);
      default:
        return node(part.kind, next);
    }
  };

  const repeat = ({ part, min, max }: Extract<Pattern, { kind: "repeat" }>, next: number): number => {
    let first = next;
    if (max === -1) {
      first = node("split", next);
      out[first] = build(part, first);
    } else for (let times = min; times < max; times++) first = node("split", build(part, first), next);
    for (let times = 0; times < min; times++) first = build(part, first);
    return first;
  };

  const first = build(pattern, 0);
  return { kinds, sets, out, other, first, match: 0 };
}
