/** A pattern as a nondeterministic automaton (Thompson's construction). */
import { LIMITS } from "../../../domain/limits.ts";
import { type CharSet, type Pattern, refusedPattern } from "./syntax.ts";

/**
 * Nodes as columns. `set` reads one character, the others read nothing; `start` and `end` hold at the text's ends only. `save` notes
 * the place, `forget` takes back what was noted; they are there only when groups are kept.
 */
export interface Nfa {
  readonly kinds: readonly ("set" | "split" | "start" | "end" | "match" | "save" | "forget")[];
  readonly sets: readonly (CharSet | undefined)[];
  readonly out: readonly number[];
  /** The second way of a `split`, which comes after the first; the slot of a `save`; of a `forget`, the first slot * 256 + the one behind the last. */
  readonly other: readonly number[];
  readonly first: number;
  readonly match: number;
}

/** @throws `invalid` when it would have too many nodes. */
export function buildNfa(
  source: string,
  pattern: Pattern,
  keepsGroups = false,
  maxNodes: number = LIMITS.gateway.maxPatternNodes,
): Nfa {
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
    if (++work > maxNodes) {
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
      case "group":
        return node("save", build(part.part, node("save", next, 2 * part.index + 1)), 2 * part.index);
      default:
        return node(part.kind, next);
    }
  };

  const choice = (part: number, next: number, isLazy: boolean): number =>
    isLazy ? node("split", next, part) : node("split", part, next);

  const repeat = (repeated: Extract<Pattern, { kind: "repeat" }>, next: number): number => {
    const { min, max, isLazy, groups } = repeated;
    const hasGroups = keepsGroups && groups[0] < groups[1];
    // What a group has taken in one turn is forgotten at the next (ECMA-262 22.2.2.3.1).
    const once = (to: number): number => {
      const part = build(repeated.part, to);
      return hasGroups ? node("forget", part, 2 * groups[0] * 256 + 2 * groups[1]) : part;
    };
    let first = next;
    if (max === -1) {
      first = choice(next, next, isLazy);
      (isLazy ? other : out)[first] = once(first);
    } else for (let times = min; times < max; times++) first = choice(once(first), next, isLazy);
    for (let times = 0; times < min; times++) first = once(first);
    return first;
  };

  const first = build(pattern, 0);
  return { kinds, sets, out, other, first, match: 0 };
}
