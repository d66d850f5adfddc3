import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SkerryError } from "../../../domain/errors.ts";
import type { IndexOp } from "../../../domain/objects.ts";
import { createBucket, remove } from "../samples.ts";
import { Committer } from "./committer.ts";
import type { Outcome } from "./writer.ts";

const SQLITE_FULL = 13;
const SQLITE_IOERR_FSYNC = 1034;
const SQLITE_CORRUPT = 11;

function sqliteError(errcode: number): Error {
  return Object.assign(new Error(`errcode ${errcode}`), { code: "ERR_SQLITE_ERROR", errcode });
}

type Batch = readonly IndexOp[];
const batch: Batch = [createBucket("b")];
const wanted: Batch = [remove("b", "k")];

/** A writer whose commits fail as `fail` says; what it committed, and what the mark was told. */
function make(fail: (batches: readonly Batch[], call: number) => Error | undefined, markError?: Error) {
  const seen = { commits: 0, committed: [] as Batch[], marks: [] as number[], checkpoints: 0 };
  let calls = 0;
  const writer = {
    get commits() {
      return seen.commits;
    },
    commit(batches: readonly Batch[]): Outcome[] {
      const error = fail(batches, calls++);
      if (error !== undefined) throw error;
      seen.commits += 1;
      seen.committed.push(...batches);
      return batches.map(() => undefined);
    },
    checkpoint() {
      seen.checkpoints += 1;
    },
  };
  const mark = {
    write(commits: number) {
      if (markError !== undefined) throw markError;
      seen.marks.push(commits);
    },
    close() {},
  };
  return { committer: new Committer(writer, mark), seen };
}

function ids(outcomes: readonly Outcome[]): (string | undefined)[] {
  return outcomes.map((outcome) => {
    if (outcome === undefined) return undefined;
    const { error } = outcome;
    assert.ok(error instanceof SkerryError);
    return `${error.code}/${error.reason}`;
  });
}

describe("a failed commit", () => {
  test("on a full disk each batch is tried alone, and the index stays open", () => {
    const { committer, seen } = make((batches) => (batches.includes(batch) ? sqliteError(SQLITE_FULL) : undefined));
    assert.deepEqual(ids(committer.commit([batch, wanted, batch])), ["exhausted/disk", undefined, "exhausted/disk"]);
    assert.equal(committer.failure, undefined);
    assert.deepEqual(seen.committed, [wanted]);
    assert.equal(seen.checkpoints, 1);
    assert.deepEqual(ids(committer.commit([wanted])), [undefined]);
    assert.deepEqual(seen.marks, [1, 2]);
  });

  test("after a failed sync nothing is written until a restart", () => {
    const { committer, seen } = make((_, call) => (call === 0 ? sqliteError(SQLITE_IOERR_FSYNC) : undefined));
    assert.deepEqual(ids(committer.commit([batch, wanted])), ["unavailable/closed", "unavailable/closed"]);
    assert.deepEqual(ids(committer.commit([wanted])), ["unavailable/closed"]);
    assert.deepEqual(seen.committed, []);
    assert.deepEqual(seen.marks, []);
    assert.ok(committer.failure);
  });

  test("a disk that fails while batches are tried alone closes the index for the rest", () => {
    const { committer, seen } = make(
      (_, call) => [sqliteError(SQLITE_FULL), undefined, sqliteError(SQLITE_IOERR_FSYNC)][call],
    );
    assert.deepEqual(ids(committer.commit([wanted, batch, wanted])), [
      undefined,
      "unavailable/closed",
      "unavailable/closed",
    ]);
    assert.deepEqual(seen.committed, [wanted]);
  });

  test("corruption is said, then and later", () => {
    const { committer, seen } = make(() => sqliteError(SQLITE_CORRUPT));
    assert.deepEqual(ids(committer.commit([batch])), ["internal/corrupt"]);
    assert.deepEqual(ids(committer.commit([batch])), ["internal/corrupt"]);
    assert.deepEqual(seen.committed, []);
  });

  test("a mark that cannot be written takes back no commit; only a full disk lets the index go on", () => {
    const failed = make(() => undefined, Object.assign(new Error("EIO"), { code: "EIO" }));
    assert.deepEqual(ids(failed.committer.commit([batch])), [undefined]);
    assert.deepEqual(ids(failed.committer.commit([batch])), ["unavailable/closed"]);
    const full = make(() => undefined, Object.assign(new Error("ENOSPC"), { code: "ENOSPC" }));
    assert.deepEqual(ids(full.committer.commit([batch])), [undefined]);
    assert.deepEqual(ids(full.committer.commit([batch])), [undefined]);
  });
});
