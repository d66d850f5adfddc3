/** Reads a database and its WAL and refuses damage, without changing either. Runs in the driver's thread. */
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { SkerryError } from "../../../domain/errors.ts";
import { assertHeader, corrupt, type LogHeader, type LogLine } from "../../log.ts";
import { decodeMark, type FoundMark, markPath } from "../mark.ts";
import { findWalDamage } from "./wal-check.ts";

export interface StoredRow {
  readonly number: number;
  readonly body: string;
  readonly crc: number;
}

/** What a database holds, as JSON texts. */
export interface StoredLog {
  readonly header: LogHeader;
  readonly snapshot: readonly string[];
  readonly records: readonly LogLine[];
}

/** The checksum covers the place as well, so that rows cannot stand in for one another. */
export function rowSum(table: string, number: number, body: string): number {
  return crc32(`${table} ${number} ${body}`);
}

export function findMark(path: string): FoundMark {
  return existsSync(markPath(path)) ? decodeMark(readFileSync(markPath(path))) : { state: "missing" };
}

/**
 * What the database at `path` holds; `undefined` when there is none yet, or one whose making was cut short.
 * @throws `internal/corrupt`, `unsupported/version`, `invalid`, `conflict/locked`
 */
export function verifyDatabase(path: string, mark: FoundMark, cluster?: string): StoredLog | undefined {
  const seq = mark.state === "found" ? mark.seq : 0;
  if (!existsSync(path) || (statSync(path).size === 0 && !existsSync(`${path}-wal`))) {
    if (seq > 0) throw corrupt(path, `it is gone, and ${markPath(path)} says that it had ${seq} records`);
    return undefined;
  }
  // Only the switch to WAL, at the very beginning, has a journal: SQLite takes it back when it opens the file.
  if (seq === 0 && existsSync(`${path}-journal`)) return undefined;
  if (existsSync(`${path}-wal`)) {
    const damage = findWalDamage(readFileSync(`${path}-wal`));
    if (damage) {
      throw corrupt(path, `${path}-wal has a bad frame at byte ${damage.offset}, before acknowledged ones`, damage);
    }
  }
  const stored = readUntouched(path, cluster);
  if (!stored && seq > 0) throw corrupt(path, `it is empty, and ${markPath(path)} says that it had ${seq} records`);
  if (!stored) return undefined;
  const last = stored.records.at(-1)?.seq ?? stored.header.seq;
  if (mark.state === "found" && mark.store === stored.header.store && mark.seq > last) {
    throw corrupt(path, `record ${last + 1}, which was acknowledged, is missing: it ends with record ${last}`, {
      seq: last + 1,
    });
  }
  return stored;
}

function readUntouched(path: string, cluster: string | undefined): StoredLog | undefined {
  // Reading makes an index of the WAL. It is of no use to us, who keep it in memory.
  const madeIndex = !existsSync(`${path}-shm`);
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return readAll(database, path, cluster);
  } catch (error) {
    throw error instanceof SkerryError ? error : sqliteError(error, path);
  } finally {
    database.close();
    if (madeIndex) rmSync(`${path}-shm`, { force: true });
  }
}

function readAll(database: DatabaseSync, path: string, cluster: string | undefined): StoredLog | undefined {
  const findings = database
    .prepare("PRAGMA quick_check")
    .all()
    .map((row) => String(row["quick_check"]));
  if (findings[0] !== "ok") throw corrupt(path, `SQLite finds ${findings.slice(0, 3).join("; ")}`);
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  // They are made in one transaction.
  if (tables.length === 0) return undefined;
  const header = checkedRows(database, "header", path, 0)[0];
  if (!header) throw corrupt(path, "its header is missing");
  const parsed = JSON.parse(header.body) as LogHeader;
  assertHeader(parsed, path, cluster);
  const snapshot = checkedRows(database, "snapshot", path, 0).map((row) => row.body);
  if ((JSON.parse(snapshot.at(-1) ?? "{}") as { last?: true }).last !== true) {
    throw corrupt(path, "its snapshot is not complete");
  }
  const records = checkedRows(database, "log", path, parsed.seq + 1);
  return { header: parsed, snapshot, records: records.map(({ number, body }) => ({ seq: number, body })) };
}

function checkedRows(database: DatabaseSync, table: string, path: string, first: number): StoredRow[] {
  const rows = database
    .prepare(`SELECT number, body, crc FROM ${table} ORDER BY number`)
    .all() as unknown as StoredRow[];
  for (const [i, { number, body, crc }] of rows.entries()) {
    if (number !== first + i) throw corrupt(path, `${table} row ${first + i} is missing`, { table, row: first + i });
    if (rowSum(table, number, body) !== crc) {
      throw corrupt(path, `${table} row ${number} has a wrong checksum`, { table, row: number });
    }
  }
  return rows;
}

const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;
/** The index of the WAL, which reading needs, could not be made so large. */
const SQLITE_IOERR_SHMSIZE = 4874;

/** Extended codes have the basic one in their low byte. */
function extendedCode(error: unknown): number {
  return (error as { errcode?: number }).errcode ?? 0;
}

export function isDiskFull(error: unknown): boolean {
  const extended = extendedCode(error);
  return (extended & 0xff) === SQLITE_FULL || extended === SQLITE_IOERR_SHMSIZE;
}

/** An error of node:sqlite as ours, or with a `code` that says when the disk is full. */
export function sqliteError(error: unknown, path: string): Error {
  const code = extendedCode(error) & 0xff;
  const message = error instanceof Error ? error.message : String(error);
  if (code === SQLITE_BUSY) {
    return new SkerryError("conflict/locked", `The store ${path} is in use by another process.`, {
      hint: "Stop the other daemon, or give this one a data directory of its own.",
    });
  }
  if (isDiskFull(error)) {
    return Object.assign(new Error(message, { cause: error }), { code: "SQLITE_FULL" });
  }
  // Also the errors of a schema that cannot be right: nobody but us writes this file.
  if (code === SQLITE_CORRUPT || code === SQLITE_NOTADB || code === 1) return corrupt(path, `SQLite says: ${message}`);
  return error instanceof Error ? error : new Error(message);
}
