/** The store on one SQLite database, in a thread of its own. */
import { SkerryError } from "../../../domain/errors.ts";
import { newUid } from "../../../domain/resource.ts";
import type { Store } from "../../../domain/store.ts";
import { failureOf } from "../../commit.ts";
import { type EngineOptions, startEngine } from "../../engine.ts";
import { EMPTY_SNAPSHOT, newHeader } from "../../log.ts";
import { markPath } from "../mark.ts";
import { SqliteLog } from "./sqlite-log.ts";

export interface SqliteStoreOptions extends EngineOptions {
  /** Absolute path of the database. Files beside it begin with the same name. */
  readonly path: string;
  /** Identity of the cloud: written into a new database, compared with an old one's. */
  readonly cluster?: string;
}

/**
 * Opens the store at `path`, or makes one (0600, directory 0700).
 * @throws `internal/corrupt` (acknowledged data is damaged; nothing was changed), `unsupported/version`, `invalid` (another
 * cloud's database), `conflict/locked`, `exhausted/disk`, `unavailable/closed` (the disk does not work).
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { path, clock, random, cluster, log: logger } = options;
  const header = newHeader(newUid(random), new Date(clock.wallMs()).toISOString(), cluster);
  try {
    const { log, opened } = await SqliteLog.open(path, { header, snapshot: JSON.stringify(EMPTY_SNAPSHOT) }, cluster);
    if (opened.markIgnored) {
      logger?.warn(
        { path: markPath(path) },
        "The store's watermark cannot be read or belongs to another log; going on without it.",
      );
    }
    const { stored } = opened;
    return await startEngine(
      log,
      {
        header: stored.header,
        snapshot: stored.snapshot.map((text) => JSON.parse(text)),
        records: stored.records.map(({ seq, body }) => ({ ...JSON.parse(body), seq, sizeBytes: body.length })),
      },
      options,
    );
  } catch (error) {
    throw error instanceof SkerryError ? error : failureOf(error);
  }
}
