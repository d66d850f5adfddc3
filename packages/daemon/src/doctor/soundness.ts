/**
 * A child process of `skerry doctor`: looks at all of the store's log or of the object index, and says what it found. It can be
 * ended at any moment. Reads only, and makes no file beside them.
 */
import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { isError } from "@skerry/core/domain/errors.ts";
import { inspectIndex, lostChunksOf } from "@skerry/core/storage/index/sqlite/copy.ts";
import { openReadOnly } from "@skerry/core/storage/index/sqlite/schema.ts";
import { readMark } from "@skerry/core/store/drivers/mark.ts";
import { checkLog } from "@skerry/core/store/drivers/nedb/check.ts";
import { replicaFiles } from "../data/replicas.ts";
import type { Look, LookAt } from "./machine.ts";

async function lookAtStore({ path, cluster }: LookAt): Promise<Look> {
  // The mark first: what is appended meanwhile is not missed then.
  const mark = await readMark(path);
  const { records, header, sizeBytes, tornBytes } = await checkLog(path, mark, cluster);
  const revision = `${records.length} records since the last snapshot, up to number ${records.at(-1)?.seq ?? header.seq}`;
  const torn = tornBytes === 0 ? "" : `; ${tornBytes} bytes at its end were cut short, and were acknowledged to nobody`;
  return { state: "ok", what: `every checksum of its ${sizeBytes} bytes is right (${revision})${torn}` };
}

function lookAtIndex({ path, cluster, running, storage }: LookAt): Look {
  const walBytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  if (!running && walBytes > 0) {
    // Opening it would write beside it; without its log it is not the index.
    return {
      state: "unknown",
      what: "it was not closed in peace; the next start looks at its log and then at every row",
      todo: "Start the daemon: skerry doctor says then what it has found.",
    };
  }
  // Nobody else has it then: SQLite needs no files beside it.
  const db = running
    ? openReadOnly(path)
    : new DatabaseSync(new URL(`${pathToFileURL(path)}?immutable=1`), { readOnly: true });
  try {
    const [row] = db.prepare("PRAGMA quick_check(1)").all() as { quick_check: string }[];
    if (row?.quick_check !== "ok") return { state: "damaged", what: row?.quick_check ?? "SQLite does not say" };
    const { objects, chunks } = inspectIndex(db, cluster);
    const what = `its ${objects} objects and ${chunks} chunks match their checksums and its counters`;
    if (running) return { state: "ok", what };
    return { state: "ok", what, lostChunks: lostChunksOf(db, replicaFiles(storage)).chunks };
  } finally {
    db.close();
  }
}

/** SQLITE_CORRUPT, SQLITE_NOTADB. What else goes wrong says nothing about the file. */
const DAMAGED: readonly number[] = [11, 26];

async function look(at: LookAt): Promise<Look> {
  try {
    return at.of === "store" ? await lookAtStore(at) : lookAtIndex(at);
  } catch (error) {
    const { message, errcode } = error as { message: string; errcode?: number };
    const damaged = isError(error, "internal/corrupt") || DAMAGED.includes((errcode ?? 0) & 0xff);
    if (damaged) return { state: "damaged", what: message };
    return { state: "unknown", what: `it cannot be read: ${message}`, todo: "Run it again, as the daemon's user." };
  }
}

process.once("message", (at: LookAt) => {
  void look(at).then((found) => process.send?.(found, () => process.exit()));
});
