/** The first start makes the admin. Password and token lie in their files before anything is committed. */
import { open, rename } from "node:fs/promises";
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

async function writeDurably(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await using file = await open(temporary, "w", 0o600);
  await file.writeFile(text);
  await file.sync();
  await rename(temporary, path);
  await using directory = await open(dirname(path), "r");
  await directory.sync();
}
