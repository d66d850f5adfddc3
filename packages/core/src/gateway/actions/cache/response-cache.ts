/** Answers that a worker keeps, by what they answer. The least used go when there are too many, or too many bytes. */
import { headerValue } from "../../routing/asked.ts";

export interface Kept extends Moments {
  /** Ids of the route, and of its project. */
  readonly route: string;
  readonly project: string;
  /** Host and path of what it answers. */
  readonly uri: string;
  /** What stood for the changes of this URI when it was asked for, see `CommonCache.mark`. */
  readonly mark: number;
  readonly status: number;
  /** Header lines as the upstream has given them, with Date. */
  readonly lines: string;
  readonly body: Buffer;
  /** Names of request headers that it depends on, and what they were. */
  readonly vary: readonly string[];
  readonly varied: readonly (string | undefined)[];
}

/** Monotonic. */
export interface Moments {
  /** When it would have been made, and until when it is fresh. */
  readonly madeMs: number;
  readonly freshUntilMs: number;
  /** Until when it is given all the same while somebody asks for it anew, and when the upstream fails. */
  readonly renewUntilMs: number;
  readonly errorUntilMs: number;
}

interface Limits {
  readonly maxCacheBytes: number;
  readonly maxCacheEntries: number;
  readonly maxCacheVariants: number;
}

/** What one takes besides its body and what is text of it, about. */
const OVERHEAD = 1024;

export class ResponseCache {
  readonly #limits: Limits;
  /** The least used first; of one key the newest first. */
  readonly #byKey = new Map<string, readonly Kept[]>();
  #count = 0;
  #bytes = 0;
  /** Keys that went because others needed their room. */
  evictions = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#count;
  }

  /** The one for a request with these header lines. */
  find(key: string, lines: string): Kept | undefined {
    const all = this.#byKey.get(key);
    if (all === undefined) return undefined;
    const [first] = all;
    const found =
      first?.vary.length === 0
        ? first
        : all.find(({ vary, varied }) => vary.every((name, at) => headerValue(lines, name) === varied[at]));
    if (found === undefined) return undefined;
    this.#byKey.delete(key);
    this.#byKey.set(key, all);
    return found;
  }

  /** In place of one that answers the same. */
  put(key: string, kept: Kept): void {
    const isSame = (one: Kept) =>
      one.vary.join() === kept.vary.join() && one.varied.every((value, at) => value === kept.varied[at]);
    const others = (this.#byKey.get(key) ?? []).filter((one) => !isSame(one));
    this.drop(key);
    if (sizeOf(key, kept) > this.#limits.maxCacheBytes) return;
    const all = [kept, ...others].slice(0, this.#limits.maxCacheVariants);
    this.#byKey.set(key, all);
    this.#count += all.length;
    for (const one of all) this.#bytes += sizeOf(key, one);
    for (const oldest of this.#byKey.keys()) {
      if (this.#bytes <= this.#limits.maxCacheBytes && this.#count <= this.#limits.maxCacheEntries) return;
      this.drop(oldest);
      this.evictions++;
    }
  }

  /** Those of a route; of this path, or of all that begin so when it ends with `*`. Absent: all. */
  purge(route: string, path?: string): void {
    for (const [key, all] of this.#byKey) if (all.some((kept) => isPurged(kept, route, path))) this.drop(key);
  }

  /** All of this key. */
  drop(key: string): void {
    const all = this.#byKey.get(key);
    if (all === undefined) return;
    this.#byKey.delete(key);
    this.#count -= all.length;
    for (const one of all) this.#bytes -= sizeOf(key, one);
  }
}

/** As `ResponseCache.purge` says. */
export function isPurged(kept: Pick<Kept, "route" | "uri">, route: string, path: string | undefined): boolean {
  if (kept.route !== route) return false;
  const asked = kept.uri.slice(kept.uri.indexOf("/"));
  if (path === undefined) return true;
  return path.endsWith("*") ? asked.startsWith(path.slice(0, -1)) : asked === path;
}

/** Clients choose how long most of it is. */
function sizeOf(key: string, { body, lines, uri, varied }: Kept): number {
  let bytes = OVERHEAD + body.length + lines.length + key.length + uri.length;
  for (const value of varied) bytes += value?.length ?? 0;
  return bytes;
}
