/** The store on one NeDB file. */
import { chmod, type FileHandle, mkdir, open, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { SkerryError } from "../../../domain/errors.ts";
import { LIMITS } from "../../../domain/limits.ts";
import { newUid } from "../../../domain/resource.ts";
import type { Store } from "../../../domain/store.ts";
import { failureOf } from "../../commit.ts";
import { type EngineOptions, startEngine } from "../../engine.ts";
import { assertHeader, corrupt, EMPTY_SNAPSHOT, newHeader, type RecoveredLog } from "../../log.ts";
import { type FoundMark, Mark, markPath, readMark } from "../mark.ts";
import { type CheckedLog, checkLog } from "./check.ts";
import { type NedbIo, NedbLog, REAL_IO, syncDirectory } from "./nedb-log.ts";

export interface NedbStoreOptions extends EngineOptions {
  /** Absolute path of the log. Files beside it begin with the same name. */
  readonly path: string;
  /** Identity of the cloud: written into a new log, compared with an old one's. */
  readonly cluster?: string;
  /** Tests only: lets single steps fail. */
  readonly io?: NedbIo;
}

/**
 * Opens the store at `path`, or makes one (0600, directory 0700). The caller holds the data directory's lock.
 * @throws `internal/corrupt` (acknowledged data is damaged; nothing was changed), `unsupported/version`, `invalid` (another
 * cloud's log), `exhausted/disk`, `unavailable/closed` (the disk does not work).
 */
export async function openNedbStore(options: NedbStoreOptions): Promise<Store> {
  try {
    const { log, recovered } = await openLog(options);
    return await startEngine(log, recovered, options);
  } catch (error) {
    throw error instanceof SkerryError ? error : failureOf(error);
  }
}

async function openLog(options: NedbStoreOptions): Promise<{ log: NedbLog; recovered: RecoveredLog }> {
  const { path, cluster, io = REAL_IO } = options;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const found = await readMark(path);
  if (found.state === "damaged") warnMark(options);
  if (!(await exists(path))) return createLog(options, found);
  const checked = await checkLog(path, found, cluster);
  if (found.state === "found" && found.store !== checked.header.store) warnMark(options);
  await cutTornTail(options, checked);
  await chmod(path, 0o600);
  const log = await withMark(path, checked.header.store, (mark) => NedbLog.open(path, mark, io));
  if (log.sizeBytes !== checked.sizeBytes) {
    await log.close();
    throw corrupt(path, `NeDB wrote ${log.sizeBytes} bytes of ${checked.sizeBytes} while loading it`);
  }
  await log.markDurable(checked.records.at(-1)?.seq ?? checked.header.seq);
  return { log, recovered: checked };
}

async function createLog(
  options: NedbStoreOptions,
  found: FoundMark,
): Promise<{ log: NedbLog; recovered: RecoveredLog }> {
  const { path, clock, random, cluster, io = REAL_IO } = options;
  if (found.state === "found" && found.seq > 0) {
    throw corrupt(path, `it is gone, and ${markPath(path)} says that it had ${found.seq} records`);
  }
  const header = newHeader(newUid(random), new Date(clock.wallMs()).toISOString(), cluster);
  assertHeader(header, path);
  const log = await withMark(path, header.store, (mark) =>
    NedbLog.open(path, mark, io, { header, snapshot: JSON.stringify(EMPTY_SNAPSHOT) }),
  );
  await log.markDurable(header.seq);
  return { log, recovered: { header, snapshot: [EMPTY_SNAPSHOT], records: [] } };
}

/** Opens the mark for the log, which closes it; unless there is no log in the end. */
async function withMark(path: string, store: string, openLog: (mark: Mark) => Promise<NedbLog>): Promise<NedbLog> {
  const mark = await Mark.open(path, store);
  return openLog(mark).catch(async (error: unknown) => {
    await mark.close();
    throw error;
  });
}

/** The end of an append that a crash cut short: nobody was told that it was done. A copy stays aside. */
async function cutTornTail({ path, log }: NedbStoreOptions, checked: CheckedLog): Promise<void> {
  if (checked.tornBytes === 0) return;
  log?.warn(
    { path, offset: checked.sizeBytes, tornBytes: checked.tornBytes },
    "The store's log ended in the middle of an append that nobody was told of; the end was cut, a copy is beside it (.torn).",
  );
  await using file = await open(path, "r+");
  await keepTail(file, checked.sizeBytes, checked.tornBytes, `${path}.torn`);
  await file.truncate(checked.sizeBytes);
  await file.sync();
  await syncDirectory(dirname(path));
}

/** As much as fits: a full disk must not keep the store from opening. */
async function keepTail(file: FileHandle, offset: number, tornBytes: number, into: string): Promise<void> {
  const tail = Buffer.alloc(Math.min(tornBytes, LIMITS.store.maxGroupCommitBytes));
  const { bytesRead } = await file.read(tail, 0, tail.length, offset);
  await writeFile(into, tail.subarray(0, bytesRead), { mode: 0o600 }).catch(() => undefined);
}

function warnMark({ path, log }: NedbStoreOptions): void {
  log?.warn(
    { path: markPath(path) },
    "The store's watermark cannot be read or belongs to another log; going on without it.",
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return false;
      throw error;
    },
  );
}
