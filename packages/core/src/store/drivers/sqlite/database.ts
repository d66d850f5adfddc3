/** The database that the driver's thread writes: one row for each record, one synced commit for each group. */
import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { LogHeader, LogLine } from "../../log.ts";
import { encodeMark, markPath } from "../mark.ts";
import { isDiskFull, rowSum, type StoredLog } from "./verify.ts";

/** FULL syncs the WAL with each commit. The exclusive lock also keeps other processes out. */
const SETTINGS = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
const TABLES = ["header", "snapshot", "log"] as const;

export class Database {
  readonly #sqlite: DatabaseSync;
  readonly #insert: Record<(typeof TABLES)[number], StatementSync>;
  readonly #mark: number;
  readonly #store: string;
  #parts = 0;

  /** Opens what was verified, or makes a new one with this header and snapshot. */
  constructor(path: string, stored: StoredLog | undefined, fresh: { header: LogHeader; snapshot: string }) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // SQLite gives the files beside it the same mode.
    closeSync(openSync(path, "a", 0o600));
    this.#store = (stored?.header ?? fresh.header).store;
    this.#sqlite = new DatabaseSync(path);
    try {
      this.#sqlite.exec(SETTINGS);
      if (!stored) this.#create();
      const prepare = (table: string) =>
        this.#sqlite.prepare(`INSERT INTO ${table} (number, body, crc) VALUES (?, ?, ?)`);
      this.#insert = { header: prepare("header"), snapshot: prepare("snapshot"), log: prepare("log") };
      if (!stored) {
        this.#put("header", 0, JSON.stringify(fresh.header));
        this.#put("snapshot", 0, fresh.snapshot);
        this.#sqlite.exec("COMMIT");
      }
      // Syncs what a killed process wrote and nobody was told of: from now on readers see it.
      this.#sqlite.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      this.#mark = openMark(path);
      syncDirectory(dirname(path));
    } catch (error) {
      this.#sqlite.close();
      throw error;
    }
  }

  /** Durable when it returns. */
  append(lines: readonly LogLine[]): void {
    this.#sqlite.exec("BEGIN IMMEDIATE");
    try {
      for (const { seq, body } of lines) this.#put("log", seq, body);
      this.#sqlite.exec("COMMIT");
    } catch (error) {
      this.#rollback();
      throw error;
    }
    this.markDurable((lines.at(-1) as LogLine).seq);
  }

  markDurable(seq: number): void {
    const mark = encodeMark(seq, this.#store);
    writeSync(this.#mark, mark, 0, mark.length, 0);
  }

  beginRewrite(): void {
    this.#sqlite.exec("BEGIN IMMEDIATE");
    this.#sqlite.exec("DELETE FROM snapshot");
    this.#parts = 0;
  }

  addParts(parts: readonly string[]): void {
    for (const part of parts) this.#put("snapshot", this.#parts++, part);
  }

  finishRewrite(header: LogHeader, keepFrom: number): void {
    this.#sqlite.prepare("DELETE FROM log WHERE number < ?").run(keepFrom);
    this.#sqlite.exec("DELETE FROM header");
    this.#put("header", 0, JSON.stringify(header));
    this.#sqlite.exec("COMMIT");
    try {
      this.#sqlite.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (error) {
      // The rewrite is done. It made the WAL long, which shrinks when there is room.
      if (!isDiskFull(error)) throw error;
    }
  }

  /** False when the database cannot go on. */
  cancelRewrite(): boolean {
    return this.#rollback();
  }

  close(): void {
    closeSync(this.#mark);
    this.#sqlite.close();
  }

  #create(): void {
    this.#sqlite.exec("BEGIN IMMEDIATE");
    for (const table of TABLES) {
      this.#sqlite.exec(
        `CREATE TABLE ${table} (number INTEGER PRIMARY KEY, body TEXT NOT NULL, crc INTEGER NOT NULL) STRICT`,
      );
    }
  }

  #put(table: (typeof TABLES)[number], number: number, body: string): void {
    this.#insert[table].run(number, body, rowSum(table, number, body));
  }

  #rollback(): boolean {
    try {
      if (this.#sqlite.isTransaction) this.#sqlite.exec("ROLLBACK");
      return true;
    } catch {
      return false;
    }
  }
}

function openMark(path: string): number {
  try {
    return openSync(markPath(path), "r+");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return openSync(markPath(path), "wx+", 0o600);
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
