/** What went wrong with single files of a folder, while the others went on. */
import { type ErrorId, isError, SkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import type { Output } from "../output/output.ts";
import type { Progress } from "../output/progress.ts";
import { localError } from "./local-error.ts";

export class Failures {
  readonly #output: Output;
  readonly #progress: Progress;
  readonly #told: { readonly name: string; readonly code: string; readonly message: string }[] = [];
  #first: SkerryError | undefined;
  #count = 0;

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
    this.#progress.clear();
    this.#output.warn(error.message.startsWith(name) ? error.message : `${name}: ${error.message}`);
  }

  /** Something left out on purpose: said, and no failure. */
  skip(name: string, why: string): void {
    this.#progress.clear();
    this.#output.note(`${name}: ${why}`);
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
