/** A copy of the index as it is at one moment, row by row into a new file. Each row keeps its checksum. */
import { closeSync, fsyncSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { SkerryError } from "../../../domain/errors.ts";
import { LIMITS } from "../../../domain/limits.ts";
import type { ObjectPlace } from "../../../domain/objects.ts";
import { chunkFileName } from "../../chunk-format.ts";
import { HOLDER, holderBounds, objectOf } from "./rows.ts";
import { assertIdentity, getRow, openReadOnly, prepare, readState, SCHEMA } from "./schema.ts";
import { type IndexFindings, verifyIndex } from "./verify.ts";

/** In the order of their keys, which is how they lie in the file: nothing is sorted. */
const TABLES = ["meta", "state", "buckets", "objects", "chunks", "changes"];

export class IndexCopier {
  readonly #source: string;
  #copy: { readonly path: string; readonly db: DatabaseSync } | undefined;

  constructor(source: string) {
    this.#source = source;
  }

  /** The moment is that of this call, whatever is committed before `finish`. `path` must not be there. */
  begin(path: string): void {
    closeSync(openSync(path, "wx", 0o600));
    const db = new DatabaseSync(path, { timeout: 5000, enableForeignKeyConstraints: false });
    this.#copy = { path, db };
    // Nobody has the file yet: it is synced once, at the end.
    db.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY");
    db.exec(SCHEMA);
    db.prepare("ATTACH ? AS source").run(`${pathToFileURL(this.#source)}?mode=ro`);
    db.exec("BEGIN");
    // A transaction reads the state of its first read.
    db.prepare("SELECT commits FROM source.state").get();
  }

  finish(): void {
    const copy = this.#copy;
    if (copy === undefined) throw new SkerryError("internal", "The copy of the object index was not begun.");
    for (const table of TABLES) copy.db.exec(`INSERT INTO main.${table} SELECT * FROM source.${table}`);
    copy.db.exec("COMMIT");
    this.close();
    const fd = openSync(copy.path, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  close(): void {
    this.#copy?.db.close();
    this.#copy = undefined;
  }
}

export interface IndexContents extends IndexFindings {
  /** Uid of each bucket -> its objects. */
  readonly buckets: ReadonlyMap<string, number>;
  readonly sizeBytes: number;
}

/**
 * Looks at every row of a copy, in this thread.
 * @throws `internal/corrupt`, `conflict` (another cluster), `unsupported/version`, and what SQLite throws.
 */
export function inspectCopy(path: string, cluster: string): IndexContents {
  const db = openReadOnly(path);
  try {
    return inspectIndex(db, cluster);
  } finally {
    db.close();
  }
}

/** The same of a database that is open. */
export function inspectIndex(db: DatabaseSync, cluster: string): IndexContents {
  assertIdentity(db, cluster);
  const findings = verifyIndex(db);
  const rows = db.prepare("SELECT uid, objects FROM buckets").all() as { uid: string; objects: number }[];
  const { sizeBytes } = readState(db);
  return { ...findings, sizeBytes, buckets: new Map(rows.map(({ uid, objects }) => [uid, objects])) };
}

interface ChunkColumns {
  readonly id: string;
  readonly generation: number;
  readonly size: number;
  readonly number: number;
  readonly bucket: number;
}

export interface LostChunks {
  readonly chunks: number;
  readonly sizeBytes: number;
  /** Some of the objects that they belong to. */
  readonly objects: readonly ObjectPlace[];
}

/**
 * Chunks that objects of a copy have and of which there is no file. `filesOf` names the files of chunks whose ids begin with
 * a byte (two digits, hex).
 */
export function findLostChunks(path: string, filesOf: (prefix: string) => ReadonlySet<string>): LostChunks {
  const db = openReadOnly(path);
  try {
    return lostChunksOf(db, filesOf);
  } finally {
    db.close();
  }
}

/** The same of a database that is open. */
export function lostChunksOf(db: DatabaseSync, filesOf: (prefix: string) => ReadonlySet<string>): LostChunks {
  const rows = db.prepare(
    "SELECT lower(hex(id)) AS id, generation, size, number, bucket FROM chunks WHERE garbage IS NULL AND id >= ? AND (id < ? OR ? = 255)",
  );
  const lost = { chunks: 0, sizeBytes: 0, objects: [] as ObjectPlace[] };
  const holderOf = prepare(db, HOLDER);
  const bucketOf = db.prepare("SELECT uid FROM buckets WHERE number = ?");
  for (let byte = 0; byte <= 255; byte++) {
    const bounds = [Buffer.of(byte), Buffer.of(Math.min(byte + 1, 255)), byte] as const;
    const found = rows.all(...bounds) as unknown as ChunkColumns[];
    if (found.length === 0) continue;
    const files = filesOf(byte.toString(16).padStart(2, "0"));
    for (const chunk of found) {
      if (files.has(chunkFileName(chunk))) continue;
      lost.chunks += 1;
      lost.sizeBytes += chunk.size;
      // Each costs a walk through its bucket.
      if (lost.chunks > LIMITS.objects.maxLostShown) continue;
      const row = getRow(holderOf, ...holderBounds(chunk));
      const owner = bucketOf.get(chunk.bucket) as { uid: string } | undefined;
      if (row === undefined || owner === undefined) continue;
      const { key } = objectOf(row);
      if (lost.objects.some((one) => one.bucket === owner.uid && one.key === key)) continue;
      lost.objects.push({ bucket: owner.uid, key });
    }
  }
  return lost;
}
