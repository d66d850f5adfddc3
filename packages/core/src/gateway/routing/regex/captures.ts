/**
 * Where a pattern matches, and what its groups have taken, as `RegExp` would say: of several ways the one that it prefers. All
 * ways are followed at once, at most one for each node of the automaton (Pike's machine; R. Cox, "Regular Expression Matching: the
 * Virtual Machine Approach", 2009), so the cost is bounded by nodes times characters, whatever the pattern and the text.
 */
import { LIMITS } from "../../../domain/limits.ts";
import { buildNfa, type Nfa } from "./nfa.ts";
import { Regex } from "./regex.ts";
import { OTHER, type Pattern, parseGroups, refusedPattern } from "./syntax.ts";

/** Ways that are followed at one place of the text, the preferred first. */
interface Ways {
  readonly nodes: Int32Array;
  /** Places that each has noted, `slots` apart; -1: none. */
  readonly noted: Int32Array;
  count: number;
}

export class Captures {
  readonly groups: number;
  /** Nodes that were looked at since it was made. */
  steps = 0;
  readonly #regex: Regex;
  readonly #nfa: Nfa;
  readonly #slots: number;
  #now: Ways;
  #next: Ways;
  /** By node: the place, plus one, at which it was reached last. */
  readonly #reached: Int32Array;
  /** Of the way that is followed to its end. */
  readonly #places: Int32Array;
  readonly #stack: number[] = [];

  /** @throws `invalid` that says what is not taken, and why. */
  constructor(source: string) {
    this.#regex = new Regex(source);
    const { pattern, groups } = parseGroups(source);
    if (repeatsNothing(pattern)) throw refusedPattern(source, REPEATS_NOTHING, "Like (.*) instead of (.*)?");
    this.#nfa = buildNfa(source, pattern, true, LIMITS.actions.maxCaptureNodes);
    this.groups = groups;
    this.#slots = 2 * groups + 2;
    const size = this.#nfa.kinds.length;
    const ways = (): Ways => ({ nodes: new Int32Array(size), noted: new Int32Array(size * this.#slots), count: 0 });
    this.#now = ways();
    this.#next = ways();
    this.#reached = new Int32Array(size);
    this.#places = new Int32Array(this.#slots);
  }

  /** Begin and end of the first match, then of each group (-1: it has taken no part). Undefined: there is none. */
  exec(text: string): Int32Array | undefined {
    if (!this.#regex.test(text)) return undefined;
    const { sets, out, match } = this.#nfa;
    const slots = this.#slots;
    let found: Int32Array | undefined;
    this.#reached.fill(0);
    this.#now.count = 0;
    for (let at = 0; at <= text.length; at++) {
      if (found === undefined) {
        // A match may begin here; those that have begun before are preferred.
        this.#places.fill(-1);
        this.#places[0] = at;
        this.#follow(this.#now, this.#nfa.first, at, text.length);
      }
      const { nodes, noted, count } = this.#now;
      const code = at < text.length ? Math.min(text.charCodeAt(at), OTHER) : -1;
      this.#next.count = 0;
      for (let way = 0; way < count; way++) {
        const node = nodes[way] as number;
        this.steps++;
        if (node === match) {
          found = noted.slice(way * slots, (way + 1) * slots);
          found[1] = at;
          // What is less preferred does not matter any more.
          break;
        }
        if (code < 0 || sets[node]?.[code] !== 1) continue;
        this.#places.set(noted.subarray(way * slots, (way + 1) * slots));
        this.#follow(this.#next, out[node] as number, at + 1, text.length);
      }
      [this.#now, this.#next] = [this.#next, this.#now];
      if (this.#now.count === 0 && found !== undefined) break;
    }
    return found;
  }

  /** Adds the nodes that are reached from one without reading, in the order of preference; each once at a place. */
  #follow(ways: Ways, from: number, at: number, end: number): void {
    const { kinds, out, other } = this.#nfa;
    const places = this.#places;
    const stack = this.#stack;
    stack.push(from);
    while (stack.length > 0) {
      const node = stack.pop() as number;
      if (node < 0) {
        // What was noted on the way that has been followed: slot and place.
        places[-1 - node] = stack.pop() as number;
        continue;
      }
      if (this.#reached[node] === at + 1) continue;
      this.#reached[node] = at + 1;
      this.steps++;
      const next = out[node] as number;
      switch (kinds[node]) {
        case "split":
          stack.push(other[node] as number, next);
          break;
        case "start":
          if (at === 0) stack.push(next);
          break;
        case "end":
          if (at === end) stack.push(next);
          break;
        case "save":
          this.#note(other[node] as number, at);
          stack.push(next);
          break;
        case "forget": {
          const range = other[node] as number;
          for (let slot = range >> 8; slot < (range & 255); slot++) this.#note(slot, -1);
          stack.push(next);
          break;
        }
        default:
          ways.nodes[ways.count] = node;
          ways.noted.set(places, ways.count * this.#slots);
          ways.count++;
      }
    }
  }

  #note(slot: number, place: number): void {
    this.#stack.push(this.#places[slot] as number, -1 - slot);
    this.#places[slot] = place;
  }
}

const REPEATS_NOTHING = "it repeats a group that may be empty, so what the group has taken would be nobody's guess";

function mayBeEmpty(pattern: Pattern): boolean {
  switch (pattern.kind) {
    case "set":
      return false;
    case "all":
      return pattern.parts.every(mayBeEmpty);
    case "either":
      return pattern.options.some(mayBeEmpty);
    case "repeat":
      return pattern.min === 0 || mayBeEmpty(pattern.part);
    case "group":
      return mayBeEmpty(pattern.part);
    default:
      return true;
  }
}

/** A turn that takes nothing counts for `RegExp` sometimes, and sometimes not. */
function repeatsNothing(pattern: Pattern): boolean {
  switch (pattern.kind) {
    case "all":
      return pattern.parts.some(repeatsNothing);
    case "either":
      return pattern.options.some(repeatsNothing);
    case "repeat":
      return (pattern.max !== pattern.min && mayBeEmpty(pattern.part)) || repeatsNothing(pattern.part);
    case "group":
      return repeatsNothing(pattern.part);
    default:
      return false;
  }
}
