/**
 * The lock of the data directory: an fcntl lock, held through SQLite's exclusive transaction because Node has no call for
 * one. The kernel drops it when the process ends, however it ends; a child process does not inherit it.
 *
 * A trap of fcntl locks: the process loses its lock when it closes ANY descriptor of the file. So nothing in the daemon
 * may open `DATA/lock`, not even to read it; SQLite itself knows its own descriptors and keeps them open.
 */
import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { systemCode } from "./failure.ts";
import type { DataLayout } from "./layout.ts";

/** After kill -9 the kernel still closes the dead process's files for a moment: a restart waits this long. */
const WAIT_MS = 500;
const RETRY_MS = 20;

const SQLITE_BUSY = 5;
const SQLITE_NOTADB = 26;

/** A connection that nothing refers to would be collected, and the lock with it. */
const held = new Set<DatabaseSync>();

/** Held until disposed, or the end of the process. */
export interface DataLock extends Disposable {
  readonly path: string;
}

/** @throws `conflict/locked` with the pid of the holder, `internal/corrupt`, `unsupported/platform`. */
export async function acquireLock(layout: DataLayout): Promise<DataLock> {
  const { lockFile } = layout;
  for (let waitedMs = 0; ; waitedMs += RETRY_MS) {
    createEmpty(lockFile);
    const connection = tryLock(lockFile);
    if (connection !== undefined) {
      held.add(connection);
      return {
        path: lockFile,
        [Symbol.dispose]() {
          if (held.delete(connection)) connection.close();
        },
      };
    }
    if (waitedMs >= WAIT_MS) throw lockedBy(layout);
    await delay(RETRY_MS);
  }
}

/** Makes the file with our mode. Never opens one that is there: see the trap above. */
function createEmpty(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  }
}

/** Undefined when another holds it, or has just thrown the file away with what it had made. */
function tryLock(path: string): DatabaseSync | undefined {
  const before = inodeOf(path);
  const connection = new DatabaseSync(path, { timeout: 0 });
  try {
    connection.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    if (before !== undefined && inodeOf(path) === before) return connection;
    connection.close();
    return undefined;
  } catch (error) {
    connection.close();
    const code = error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : undefined;
    if (code === SQLITE_BUSY) return undefined;
    if (code === SQLITE_NOTADB) {
      throw new SkerryError("internal/corrupt", `The lock file ${path} holds something that is not ours.`, {
        cause: error,
        hint: `It is always empty: when no skerryd runs on this directory, remove it (rm ${path}) and start again.`,
      });
    }
    throw new SkerryError("unsupported/platform", `The file ${path} cannot be locked.`, {
      cause: error,
      hint: "Choose a data directory on a local file system: --data DIR.",
    });
  }
}

/** Asked without opening it: see the trap above. */
function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

function lockedBy(layout: DataLayout): SkerryError {
  const pid = holderOf(layout.pidFile);
  const who = pid === undefined ? "another process" : pid === process.pid ? "this process" : `process ${pid}`;
  return new SkerryError("conflict/locked", `The data directory ${layout.path} is in use by ${who}.`, {
    hint:
      pid === undefined || pid === process.pid
        ? "Stop the Skerry that runs on it, or choose another directory: --data DIR."
        : `Stop it first (kill ${pid}), or choose another directory: --data DIR.`,
    details: { path: layout.path, ...(pid === undefined ? {} : { pid }) },
  });
}

/** The pid in the file, when such a process lives: the file may be left from one that is gone. */
function holderOf(pidFile: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, "latin1").slice(0, 16).trim());
    if (!Number.isSafeInteger(pid) || pid < 1) return undefined;
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    // Alive, but of another user.
    if (systemCode(error) === "EPERM") return Number(readFileSync(pidFile, "latin1").trim());
    return undefined;
  }
}
