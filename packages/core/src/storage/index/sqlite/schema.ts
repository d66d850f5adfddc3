/** The index's file: its tables, how it is made, and what is checked before anything in it is used or rewritten. */
import { closeSync, existsSync, fsyncSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { crc32c } from "@node-rs/crc32";
import { SkerryError } from "../../../domain/errors.ts";
import { LIMITS } from "../../../domain/limits.ts";
import { markPath, readMark } from "./mark.ts";
import { damaged, EMPTY_STATE, type IndexState, type Row, type Sealed, stateOf, stateRow } from "./rows.ts";

/** Version of the schema. Raised with a migration. */
const INDEX_VERSION = 1;

/**
 * `objects` is clustered by (place, newest version first), so that a page of a listing is one walk; a place is the number
 * of the bucket (4 bytes, big endian) and the key. One column, not two: a range over two is checked again row by row, and
 * a damaged row would be left out without a word. A chunk is found by its number from its object (the numbers of one
 * object follow one another) and by its id from the inventory.
 */
export const SCHEMA = `
  CREATE TABLE meta (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER, cluster TEXT, crc INTEGER);
  CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), commits INTEGER, cursor INTEGER, trimmed INTEGER,
    chunk_number INTEGER, bucket_number INTEGER, buckets INTEGER, objects INTEGER, size INTEGER, garbage INTEGER, crc INTEGER);
  CREATE TABLE buckets (number INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, objects INTEGER, size INTEGER,
    garbage INTEGER, crc INTEGER);
  CREATE TABLE objects (place BLOB NOT NULL, version TEXT NOT NULL, size INTEGER, etag TEXT, content_type TEXT,
    modified_at TEXT, metadata TEXT, cursor INTEGER, first_chunk INTEGER, chunk_count INTEGER, crc INTEGER,
    PRIMARY KEY (place, version DESC)) WITHOUT ROWID;
  CREATE TABLE chunks (number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, generation INTEGER, size INTEGER, digest TEXT,
    replicas TEXT, bucket INTEGER, put_cursor INTEGER, garbage INTEGER, crc INTEGER);
  CREATE INDEX chunks_garbage ON chunks (garbage) WHERE garbage IS NOT NULL;
  CREATE TABLE changes (cursor INTEGER PRIMARY KEY, type TEXT, bucket TEXT, key BLOB, version TEXT, crc INTEGER);
`;

export interface IndexPlace {
  /** Absolute path of the database. */
  readonly path: string;
  /** Uid of the cluster that it belongs to. */
  readonly cluster: string;
}

export function prepare(db: DatabaseSync, sql: string): StatementSync {
  const statement = db.prepare(sql);
  statement.setReturnArrays(true);
  return statement;
}

export function getRow(statement: StatementSync, ...values: Sealed): Row | undefined {
  return statement.get(...values) as unknown as Row | undefined;
}

function configure(db: DatabaseSync): void {
  db.exec(
    `PRAGMA cache_size = -${LIMITS.index.cacheBytes / 1024}; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON`,
  );
}

/** The connection for reads: it cannot write, whatever the code above it does. */
export function openReadOnly(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { readOnly: true, timeout: 5000, enableForeignKeyConstraints: false });
  configure(db);
  return db;
}

/** The connection for writes: a commit returns when its frames in the log are on stable storage. */
function openForWrites(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 5000, enableForeignKeyConstraints: false });
  configure(db);
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  db.exec(`PRAGMA journal_size_limit = ${LIMITS.index.walBytes}`);
  return db;
}

function syncPath(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function metaRow(cluster: string): Sealed {
  return [1, INDEX_VERSION, cluster, crc32c(`${INDEX_VERSION} ${cluster}`)];
}

function create({ path, cluster }: IndexPlace): DatabaseSync {
  closeSync(openSync(path, "a", 0o600)); // the log and its index take the mode of the database
  const db = openForWrites(path);
  db.exec(`BEGIN IMMEDIATE; ${SCHEMA}`);
  db.prepare("INSERT INTO meta VALUES (?, ?, ?, ?)").run(...metaRow(cluster));
  const row = stateRow({ ...EMPTY_STATE });
  db.prepare(`INSERT INTO state VALUES (${row.map(() => "?").join(", ")})`).run(...row);
  db.exec("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
  syncPath(dirname(path));
  return db;
}

/** @throws `conflict` (another cluster), `unsupported/version`, `internal/corrupt`. */
export function assertIdentity(db: DatabaseSync, cluster: string): void {
  const row = getRow(prepare(db, "SELECT version, cluster, crc FROM meta"));
  if (row === undefined) throw damaged("it does not say which cluster it belongs to");
  const [version, owner, crc] = row as [number, string, number];
  if (crc32c(`${version} ${owner}`) !== crc)
    throw damaged("what it says about its cluster does not match its checksum");
  if (version > INDEX_VERSION)
    throw new SkerryError(
      "unsupported/version",
      `The object index has version ${version}; this Skerry knows ${INDEX_VERSION}.`,
      {
        hint: "Start the newer Skerry that wrote it.",
      },
    );
  if (owner !== cluster)
    throw new SkerryError("conflict", "The object index belongs to another cluster.", {
      hint: "Point --data at this cluster's own directory, or restore its index.",
    });
}

/** Reads without changing a byte of the database or its log. */
function check({ path, cluster }: IndexPlace, durableCommits: number): void {
  const db = openReadOnly(path);
  try {
    assertIdentity(db, cluster);
    const { commits } = readState(db);
    // SQLite ends the log at its first bad frame, without a word: acknowledged commits behind it would be gone.
    if (commits < durableCommits)
      throw damaged(
        `it ends with commit ${commits}, but commit ${durableCommits} was acknowledged; its log is damaged`,
      );
  } finally {
    db.close();
  }
}

export function readState(db: DatabaseSync): IndexState {
  return stateOf(getRow(prepare(db, "SELECT * FROM state")));
}

/** No table was ever committed: a start was interrupted while it made the file. */
function isUnborn(path: string): boolean {
  if (statSync(path).size === 0) return true;
  const db = openReadOnly(path);
  try {
    return db.prepare("SELECT name FROM sqlite_schema LIMIT 1").get() === undefined;
  } finally {
    db.close();
  }
}

/**
 * Opens the database for writes, or makes it. Whatever is wrong is found before a byte of it is changed.
 * @throws `conflict` (another cluster), `unsupported/version`, `internal/corrupt`, and what SQLite throws.
 */
export function openDatabase(place: IndexPlace): DatabaseSync {
  const { path } = place;
  const durableCommits = readMark(markPath(path));
  if (!existsSync(path) || isUnborn(path)) {
    if (durableCommits !== undefined) throw damaged("its mark is there, its database is not");
    return create(place);
  }
  // A killed process may have left commits in the page cache only: nothing is shown before it is durable.
  if (existsSync(`${path}-wal`)) syncPath(`${path}-wal`);
  check(place, durableCommits ?? 0);
  return openForWrites(path);
}
