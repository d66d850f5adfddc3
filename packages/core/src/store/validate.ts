/** Checks what callers hand to the store and brings it into the form that the engine works with. */
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Compare, Json, Op, Transaction } from "../domain/store.ts";
import { copyJson } from "./json.ts";
import type { LoggedOp } from "./log.ts";
import type { Labels } from "./selector.ts";

export type StagedOp =
  | { readonly op: "put"; readonly key: string; readonly value: Json; readonly labels: Labels; readonly lease?: string }
  | { readonly op: "delete"; readonly key: string }
  | { readonly op: "delete-prefix"; readonly prefix: string }
  | { readonly op: "get"; readonly key: string };

export interface StagedBranch {
  readonly ops: readonly StagedOp[];
  /** JSON of the `LoggedOp`s that write, joined by commas. */
  readonly logged: string;
}

export interface StagedTransaction {
  readonly compare: readonly Compare[];
  readonly then: StagedBranch;
  readonly otherwise: StagedBranch;
}

const NO_LABELS: Labels = Object.freeze({});

/** A frozen copy. @throws `invalid`, `invalid/too-large`. */
export function stageTransaction(transaction: Transaction): StagedTransaction {
  const compare = transaction.compare ?? [];
  const count = compare.length + transaction.then.length + (transaction.otherwise?.length ?? 0);
  if (count > LIMITS.store.maxTransactionOps) {
    throw new SkerryError(
      "invalid/too-large",
      `The transaction has ${count} operations and compares; the most is ${LIMITS.store.maxTransactionOps}.`,
      { hint: "Split it into several transactions." },
    );
  }
  const compares = compare.map(stageCompare);
  const then = stageBranch(transaction.then);
  const otherwise = stageBranch(transaction.otherwise ?? []);
  const sizeBytes =
    Buffer.byteLength(then.logged) + Buffer.byteLength(otherwise.logged) + Buffer.byteLength(JSON.stringify(compares));
  if (sizeBytes > LIMITS.store.maxTransactionBytes) {
    throw new SkerryError(
      "invalid/too-large",
      `The transaction has ${sizeBytes} bytes; the most is ${LIMITS.store.maxTransactionBytes}.`,
      { hint: "Split it, or keep large data in a bucket." },
    );
  }
  return { compare: compares, then, otherwise };
}

function stageCompare(compare: Compare): Compare {
  assertKey(compare.key);
  for (const field of ["modRevision", "version"] as const) {
    if (compare[field] !== undefined) assertCount(compare[field], field);
  }
  return compare.value === undefined ? compare : { ...compare, value: copyJson(compare.value, "value") };
}

function stageBranch(ops: readonly Op[]): StagedBranch {
  const staged = ops.map(stageOp);
  assertWrittenOnce(staged);
  const logged: string[] = [];
  for (const op of staged) {
    const entry = loggedOp(op);
    if (entry) logged.push(JSON.stringify(entry));
  }
  return { ops: staged, logged: logged.join(",") };
}

function stageOp(op: Op): StagedOp {
  switch (op.op) {
    case "put":
      assertKey(op.key);
      return {
        op: "put",
        key: op.key,
        value: copyJson(op.value, "value"),
        labels: stageLabels(op.labels),
        ...(op.lease === undefined ? {} : { lease: assertText(op.lease, "lease") }),
      };
    case "delete":
    case "get":
      assertKey(op.key);
      return { op: op.op, key: op.key };
    case "delete-prefix":
      assertPrefix(op.prefix);
      return { op: "delete-prefix", prefix: op.prefix };
    default:
      throw new SkerryError("invalid", "An operation is one of put, delete, delete-prefix, get.");
  }
}

function loggedOp(op: StagedOp): LoggedOp | undefined {
  if (op.op === "get") return undefined;
  if (op.op === "delete") return { delete: op.key };
  if (op.op === "delete-prefix") return { deletePrefix: op.prefix };
  return {
    put: op.key,
    value: op.value,
    ...(Object.keys(op.labels).length > 0 ? { labels: op.labels } : {}),
    ...(op.lease === undefined ? {} : { lease: op.lease }),
  };
}

/** The other way round, for what was read from the log and frozen. */
export function stagedOp(op: LoggedOp): StagedOp {
  if ("delete" in op) return { op: "delete", key: op.delete };
  if ("deletePrefix" in op) return { op: "delete-prefix", prefix: op.deletePrefix };
  return {
    op: "put",
    key: op.put,
    value: op.value,
    labels: op.labels ?? NO_LABELS,
    ...(op.lease === undefined ? {} : { lease: op.lease }),
  };
}

function assertWrittenOnce(ops: readonly StagedOp[]): void {
  const keys = new Set<string>();
  const prefixes = new Set<string>();
  for (const op of ops) {
    const name = op.op === "delete-prefix" ? op.prefix : op.key;
    if (op.op === "get") continue;
    const names = op.op === "delete-prefix" ? prefixes : keys;
    if (names.has(name)) throw writtenTwice(name);
    names.add(name);
  }
  for (const prefix of prefixes) {
    for (const key of keys) if (key.startsWith(prefix)) throw writtenTwice(key);
    for (const other of prefixes) if (other !== prefix && other.startsWith(prefix)) throw writtenTwice(other);
  }
}

function writtenTwice(name: string): SkerryError {
  return new SkerryError("invalid", `The transaction writes ${JSON.stringify(name)} more than once.`, {
    hint: "Write each key once; a key under a deleted prefix counts as written.",
  });
}

function stageLabels(labels: Labels | undefined): Labels {
  if (labels === undefined) return NO_LABELS;
  const pairs = Object.entries(labels);
  if (pairs.length > LIMITS.resource.maxLabels) {
    throw new SkerryError("invalid", `There are ${pairs.length} labels; the most is ${LIMITS.resource.maxLabels}.`);
  }
  const most = LIMITS.resource.maxLabelLength;
  for (const [name, value] of pairs) {
    if (typeof value !== "string" || name.length === 0 || name.length > most || value.length > most) {
      throw new SkerryError("invalid", `A label has a name of 1 to ${most} characters and a text of at most ${most}.`);
    }
  }
  return copyJson(labels, "labels") as Labels;
}

/** @throws `invalid` */
export function assertKey(key: unknown): asserts key is string {
  assertPrefix(key);
  if (key.length === 0) throw new SkerryError("invalid", "A key has at least one character.");
}

/** As a key, and may be empty. @throws `invalid` */
export function assertPrefix(prefix: unknown): asserts prefix is string {
  // An unpaired surrogate has no UTF-8 form, so it would have no place in the order of keys.
  if (typeof prefix !== "string" || !prefix.isWellFormed()) {
    throw new SkerryError("invalid", "A key is a string of valid Unicode.");
  }
  if (prefix.length * 3 > LIMITS.store.maxKeyBytes && Buffer.byteLength(prefix) > LIMITS.store.maxKeyBytes) {
    throw new SkerryError("invalid", `The key is longer than ${LIMITS.store.maxKeyBytes} bytes.`);
  }
}

/** A whole number from 0. @throws `invalid` */
export function assertCount(value: unknown, field: string): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw new SkerryError("invalid", `${field} is a whole number from 0, not ${String(value)}.`, {
      details: { field },
    });
  }
}

/** @throws `invalid` */
export function assertLeaseTime(ttlMs: number): void {
  if (ttlMs >= LIMITS.store.minLeaseMs && ttlMs <= LIMITS.store.maxLeaseMs) return;
  throw new SkerryError(
    "invalid",
    `A lease lasts ${LIMITS.store.minLeaseMs} to ${LIMITS.store.maxLeaseMs} ms, not ${String(ttlMs)}.`,
    { details: { field: "ttlMs" } },
  );
}

function assertText(value: unknown, field: string): string {
  if (typeof value === "string" && value.length > 0 && value.length <= LIMITS.name.maxLength) return value;
  throw new SkerryError("invalid", `${field} is a text of 1 to ${LIMITS.name.maxLength} characters.`, {
    details: { field },
  });
}
