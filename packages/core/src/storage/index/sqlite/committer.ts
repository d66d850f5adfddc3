/**
 * Commits, and what happens when that fails.
 *
 * A full disk (SQLITE_FULL) is the one failure after which the index stays open: SQLite has then written nothing that
 * counts (frames without a commit at the end of the log) and the transaction is rolled back; deletes must go on. Any other
 * failed write or sync may have left what memory and disk disagree on, so nothing more is written until a restart.
 */
import type { IndexOp } from "../../../domain/objects.ts";
import { indexClosed } from "../rules.ts";
import { faultOf, publicError } from "./faults.ts";
import type { Mark } from "./mark.ts";
import type { IndexWriter, Outcome } from "./writer.ts";

type Batch = readonly IndexOp[];
type Writer = Pick<IndexWriter, "commit" | "commits" | "checkpoint">;

export class Committer {
  readonly #writer: Writer;
  readonly #mark: Mark;
  readonly #assertInPlace: () => void;
  #failure: Error | undefined;

  /** `assertInPlace` throws when what was written lies no longer under its name: then it is not kept for anybody. */
  constructor(writer: Writer, mark: Mark, assertInPlace: () => void = () => undefined) {
    this.#writer = writer;
    this.#mark = mark;
    this.#assertInPlace = assertInPlace;
  }

  /** Why nothing more is written; undefined while it is. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** One outcome for each batch. What is done is durable, and the mark says so. */
  commit(batches: readonly Batch[]): Outcome[] {
    if (this.#failure !== undefined) return this.#refuse(batches);
    try {
      const outcomes = this.#writer.commit(batches);
      this.#assertInPlace();
      this.#writeMark();
      return outcomes;
    } catch (error) {
      if (faultOf(error) === "full") return this.#commitEachAlone(batches);
      return this.#fail(error, batches);
    }
  }

  /** So that a batch for which there is no room does not take its neighbours along, deletes above all. */
  #commitEachAlone(batches: readonly Batch[]): Outcome[] {
    this.#makeRoom();
    return batches.map((batch) => {
      if (this.#failure !== undefined) return { error: indexClosed(this.#failure) };
      try {
        const [outcome] = this.#writer.commit([batch]);
        this.#assertInPlace();
        this.#writeMark();
        return outcome;
      } catch (error) {
        return faultOf(error) === "full" ? { error: publicError(error) } : this.#fail(error, [batch])[0];
      }
    });
  }

  /** The log is used again from its start once all of it is in the database. */
  #makeRoom(): void {
    try {
      this.#writer.checkpoint();
    } catch (error) {
      if (faultOf(error) !== "full") this.#failure = publicError(error);
    }
  }

  #writeMark(): void {
    try {
      this.#mark.write(this.#writer.commits);
    } catch (error) {
      // The commit is durable; a mark that stays behind only sees less.
      if (faultOf(error) !== "full") this.#failure = publicError(error);
    }
  }

  #fail(error: unknown, batches: readonly Batch[]): Outcome[] {
    this.#failure = publicError(error);
    return batches.map(() => ({ error: this.#failure }));
  }

  #refuse(batches: readonly Batch[]): Outcome[] {
    const corrupt = this.#failure !== undefined && (this.#failure as { reason?: string }).reason === "corrupt";
    return batches.map(() => ({ error: corrupt ? this.#failure : indexClosed(this.#failure) }));
  }
}
