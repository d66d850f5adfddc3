/** A place on disk for the tests of the SQLite driver, removed when the test ends. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { openSqliteIndex, type SqliteIndex, type SqliteIndexOptions } from "./open.ts";

export const CLUSTER = "cluster-a";

export interface Site {
  readonly directory: string;
  /** Of a file in the directory. */
  path(name: string): string;
  /** Opens the index; it is closed when the test ends. */
  open(options?: Partial<SqliteIndexOptions>): Promise<SqliteIndex>;
  /** Done after the indexes are closed, before the directory is removed. */
  onEnd(cleanup: () => void): void;
  /** The files as they are now, as after a power cut that kept every write, at a place of their own. */
  snapshot(): Site;
}

export function makeSite(t: TestContext): Site {
  const directory = mkdtempSync(join(tmpdir(), "skerry-index-"));
  const opened: SqliteIndex[] = [];
  const cleanups: (() => void)[] = [];
  t.after(async () => {
    for (const index of opened) await index[Symbol.asyncDispose]();
    for (const cleanup of cleanups) cleanup();
    rmSync(directory, { recursive: true, force: true });
  });
  return {
    directory,
    path: (name) => join(directory, name),
    open: async (options = {}) => {
      const index = await openSqliteIndex({ directory, cluster: CLUSTER, ...options });
      opened.push(index);
      return index;
    },
    onEnd: (cleanup) => {
      cleanups.push(cleanup);
    },
    snapshot: () => {
      const copy = makeSite(t);
      assert.notEqual(copy.directory, directory);
      // SQLite makes this file anew from the log.
      const filter = (path: string): boolean => !path.endsWith("-shm");
      cpSync(directory, copy.directory, { recursive: true, filter });
      return copy;
    },
  };
}
