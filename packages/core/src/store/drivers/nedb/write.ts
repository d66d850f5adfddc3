/** A log made from entries, for a store that is restored. */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { newUid } from "../../../domain/resource.ts";
import type { Entry, Json } from "../../../domain/store.ts";
import type { EngineOptions } from "../../engine.ts";
import { EMPTY_SNAPSHOT, type LogRecord, newHeader, type SnapshotPart } from "../../log.ts";
import { Mark } from "../mark.ts";
import { NedbLog, REAL_IO } from "./nedb-log.ts";

/** The one key that a restore writes itself. */
export const RESTORED_KEY = "/restored";

/**
 * Revisions that are left out. Who watched the store before may have seen later ones than the entries show: what they go on
 * from must be too old, not yet to come, so that they list again.
 */
const REVISION_GAP = 1_000_000;

export interface WriteOptions extends Pick<EngineOptions, "clock" | "random"> {
  /** Absolute; nothing is there. */
  readonly path: string;
  readonly cluster: string;
  /** That the entries show. */
  readonly revision: number;
  /** In the order of their keys, in parts. */
  readonly entries: AsyncIterable<readonly Entry[]>;
  /** What is written down about it, under `RESTORED_KEY`. */
  readonly note: Json;
}

/** Whole and durable under its name when it resolves. History before it is compacted. */
export async function writeNedbLog(options: WriteOptions): Promise<void> {
  const { path, cluster, entries, note, clock, random } = options;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const header = newHeader(newUid(random), new Date(clock.wallMs()).toISOString(), cluster);
  const mark = await Mark.open(path, header.store);
  const log = await NedbLog.open(path, mark, REAL_IO, { header, snapshot: JSON.stringify(EMPTY_SNAPSHOT) });
  try {
    const base = options.revision + REVISION_GAP;
    await log.rewrite({ ...header, base }, snapshotOf(entries), 1);
    const record: LogRecord = { rev: base + 1, durable: 0, ops: [{ put: RESTORED_KEY, value: note }] };
    await log.append([{ seq: 1, body: JSON.stringify(record) }]);
  } finally {
    await log.close();
  }
}

async function* snapshotOf(parts: AsyncIterable<readonly Entry[]>): AsyncGenerator<string, void, undefined> {
  for await (const entries of parts) yield JSON.stringify({ entries } satisfies SnapshotPart);
  yield JSON.stringify(EMPTY_SNAPSHOT);
}
