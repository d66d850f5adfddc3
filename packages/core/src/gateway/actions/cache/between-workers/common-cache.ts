/** What all workers of a node share of the answers that they keep. */
import type { Kept } from "../response-cache.ts";

export interface CommonCache {
  /**
   * Stands for what has been changed of a URI, `host/path`: another one after each `change`, in all workers at once. Now and then
   * also after the change of another URI of the same project, never after one of another project. NaN: it cannot be known.
   */
  mark(project: string, uri: string): number;
  change(project: string, uri: string): void;
  /** The one for a request with these header lines, when it is fresh for longer than until `newerThanMs`. Whether it still holds is for the caller. */
  find(key: string, place: Place, lines: string, newerThanMs: number): Kept | undefined;
  /** `onSaved`: it is there, or will never be. */
  save(key: string, kept: Kept, onSaved: () => void): void;
  /**
   * `mine`: nobody else asks for it until it is `unlock`ed. `others`: somebody else does. `late`: has done so for so long that nobody
   * should wait.
   */
  lock(key: string, nowMs: number): "mine" | "others" | "late";
  unlock(key: string): void;
  /** Calls once when another's lock is gone; until the function that it gives is called. */
  onUnlocked(key: string, onGone: () => void): () => void;
  /** What is about to be saved of a route is not: of one path, or all that begin so, as `isPurged` has it. */
  purge(route: string, path?: string): void;
  /** Files that could not be read, or written. */
  readonly failures: number;
}

/** Of what an answer is kept. */
export interface Place {
  readonly route: string;
  /** Without the host and the query. */
  readonly path: string;
}

/** So many of one project, a power of two, are told apart; what falls together is evicted together. */
export const MARKS = 4096;

/** The place of a URI among the marks of its project (FNV-1a): who makes many fall together evicts more of the same project. */
export function slotOf(uri: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < uri.length; at++) hash = Math.imul(hash ^ uri.charCodeAt(at), 0x01000193);
  return (hash ^ (hash >>> 16)) & (MARKS - 1);
}

/** Of a worker that is alone: nothing but its own changes. */
export class OwnCache implements CommonCache {
  readonly failures = 0;
  readonly #marks = new Map<string, Map<number, number>>();

  mark(project: string, uri: string): number {
    const marks = this.#marks.get(project);
    return marks === undefined ? 0 : (marks.get(slotOf(uri)) ?? 0);
  }

  change(project: string, uri: string): void {
    const marks = this.#marks.get(project) ?? new Map<number, number>();
    this.#marks.set(project, marks);
    marks.set(slotOf(uri), (marks.get(slotOf(uri)) ?? 0) + 1);
  }

  find(): undefined {
    return undefined;
  }

  save(_key: string, _kept: Kept, onSaved: () => void): void {
    onSaved();
  }

  lock(): "mine" {
    return "mine";
  }

  unlock(): void {}

  onUnlocked(): () => void {
    return () => undefined;
  }

  purge(): void {}
}
