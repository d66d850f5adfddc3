/** What went wrong with single files of a folder, while the others went on. */
import { type ErrorId, isError, SkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import type { Output } from "../output/output.ts";
import type { Progress } from "../output/progress.ts";
import { localError } from "./local-error.ts";

/** Names for which the same is said. */
const MAX_TOLD_ALIKE = 3;

export class Failures {
  readonly #output: Output;
  readonly #progress: Progress;
  readonly #told: { readonly name: string; readonly code: string; readonly message: string }[] = [];
  /** What was said of several names alike -> how often: the first few are named, the others summed up. */
  readonly #alike = new Map<string, number>();
  #first: SkerryError | undefined;
  #count = 0;
  #skipped = 0;
  #succeeded = 0;
  #total: number | undefined;

  constructor(output: Output, progress: Progress) {
    this.#output = output;
    this.#progress = progress;
  }

  get count(): number {
    return this.#count;
  }

  /** The first ones, for `-o json`. */
  get told(): readonly { readonly name: string; readonly code: string; readonly message: string }[] {
    return this.#told;
  }

  add(name: string, thrown: unknown): void {
    const error = localError(thrown, name);
    this.#first ??= error;
    this.#count++;
    if (this.#count > LIMITS.cli.maxToldFailures) return;
    this.#told.push({ name, code: error.code, message: error.message });
    const why = error.message.startsWith(`${name}: `) ? error.message.slice(name.length + 2) : error.message;
    if (!this.#mayTell(why)) return;
    this.#progress.clear();
    this.#output.warn(`${name}: ${why}`);
  }

  /** Something left out on purpose: said, and no failure. */
  skip(name: string, why: string): void {
    this.#skipped++;
    if (!this.#mayTell(why)) return;
    this.#progress.clear();
    this.#output.note(`${name}: ${why}`);
  }

  get skipped(): number {
    return this.#skipped;
  }

  succeed(): void {
    this.#succeeded++;
  }

  /** How many files there are, once somebody has counted. */
  setTotal(files: number): void {
    this.#total = files;
  }

  /** For an end before the end: `3 of 10 files copied`. */
  get soFar(): string {
    const copied = `${this.#succeeded}${this.#total === undefined ? "" : ` of ${this.#total}`}`;
    return `${copied} ${copied === "1" ? "file" : "files"} copied`;
  }

  /** A line for what was not told name by name. */
  sumUp(): void {
    for (const [why, count] of this.#alike) {
      if (count > MAX_TOLD_ALIKE) this.#output.note(`... and ${count - MAX_TOLD_ALIKE} more: ${why}`);
    }
    this.#alike.clear();
  }

  #mayTell(why: string): boolean {
    const before = this.#alike.get(why) ?? 0;
    if (before > 0 || this.#alike.size < LIMITS.cli.maxToldFailures) this.#alike.set(why, before + 1);
    return before < MAX_TOLD_ALIKE;
  }

  /** @throws when there were any, with the code of the first. */
  assertNone(what: string, others: number): void {
    if (this.#first === undefined) return;
    const { code, reason } = this.#first;
    const files = this.#count === 1 ? "1 file was" : `${this.#count} files were`;
    const id = (reason === undefined ? code : `${code}/${reason}`) as ErrorId;
    throw new SkerryError(
      id,
      `${files} not ${what}${others === 0 ? "" : others === 1 ? "; the other one was" : `; the other ${others} were`}.`,
      {
        hint: this.#count > LIMITS.cli.maxToldFailures ? "The first are listed above." : "The reasons are above.",
        details: { failed: this.#told },
      },
    );
  }
}

/** Nothing that follows can work either: the credential is gone, or the daemon, for longer than the retries took. */
export function endsAll(error: unknown): boolean {
  return isError(error, "unauthenticated") || isError(error, "unavailable");
}
