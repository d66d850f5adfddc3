/** The first start makes the admin. Password and token lie in their files before anything is committed. */
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { prepareBootstrap } from "@skerry/core/auth/bootstrap.ts";
import type { PasswordHasher } from "@skerry/core/auth/passwords.ts";
import type { Clock, Random } from "@skerry/core/domain/ports.ts";
import type { Store } from "@skerry/core/domain/store.ts";
import type { DataDirectory } from "./data/directory.ts";

export interface FirstStart {
  readonly cluster: string;
  readonly socketPath: string;
  readonly userName: string;
  /** For the first context of the CLI. */
  readonly token: string;
  readonly password: string;
  /** Where the password lies (0600). */
  readonly passwordFile: string;
}

/**
 * True when this was the first start. After a crash in the middle the next start begins anew: what it hands out then is
 * what holds.
 */
export async function firstStart(options: {
  data: DataDirectory;
  store: Store;
  clock: Clock;
  random: Random;
  hasher: PasswordHasher;
  onFirstStart?: (first: FirstStart) => Promise<void>;
}): Promise<boolean> {
  const { data, onFirstStart } = options;
  const bootstrap = await prepareBootstrap(options);
  if (bootstrap === undefined) return false;
  await writeDurably(data.firstPasswordFile, `${bootstrap.password}\n`);
  await onFirstStart?.({
    cluster: data.cluster,
    socketPath: data.socketPath,
    userName: bootstrap.userName,
    token: bootstrap.bearer,
    password: bootstrap.password,
    passwordFile: data.firstPasswordFile,
  });
  await bootstrap.commit();
  return true;
}

/** Who the first start makes. */
export const FIRST_USER = "admin";

/** Undefined when it has been changed. */
export async function readFirstPassword(path: string): Promise<string | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return text?.trim();
}

/** After a change of `userName`'s password: a file that holds a wrong one helps nobody. */
export async function forgetFirstPassword(path: string, userName: string): Promise<void> {
  if (userName === FIRST_USER) await rm(path, { force: true });
}

async function writeDurably(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await using file = await open(temporary, "w", 0o600);
  await file.writeFile(text);
  await file.sync();
  await rename(temporary, path);
  await using directory = await open(dirname(path), "r");
  await directory.sync();
}
