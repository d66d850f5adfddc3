/** The machine as the service commands need it: programs, files, who runs this. Tests have their own. */
import { execFile } from "node:child_process";
import { chown, mkdir, mkdtemp, open, readFile, rename, rm, stat } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { LIMITS } from "@skerry/core/contract/terms.ts";

export interface Ran {
  /** Undefined: there is no such program, or it did not end in time. */
  readonly status: number | undefined;
  readonly said: string;
}

export interface Host {
  readonly uid: number;
  /** Where units of the system are put. */
  readonly systemUnits: string;
  /** Where this user's are put. */
  readonly userUnits: string;
  /** systemd is the machine's manager, and not only installed. */
  hasSystemd(): Promise<boolean>;
  run(program: string, argv: readonly string[]): Promise<Ran>;
}

export function realHost(env: Readonly<Record<string, string | undefined>>): Host {
  const config = env["XDG_CONFIG_HOME"] || join(env["HOME"] || homedir(), ".config");
  return {
    uid: process.geteuid?.() ?? 0,
    systemUnits: "/etc/systemd/system",
    userUnits: join(config, "systemd", "user"),
    // As sd_booted(3).
    hasSystemd: () =>
      stat("/run/systemd/system").then(
        (found) => found.isDirectory(),
        () => false,
      ),
    run: (program, argv) =>
      new Promise((resolve) => {
        const options = { timeout: LIMITS.service.callMs, maxBuffer: LIMITS.service.maxOutputBytes };
        execFile(program, argv, options, (error, stdout, stderr) => {
          const status = error === null ? 0 : typeof error.code === "number" ? error.code : undefined;
          resolve({ status, said: `${stdout}${stderr}`.trim() });
        });
      }),
  };
}

/** Undefined: not there. */
export async function readUnit(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}

/** Whole or not at all, for everybody to read. */
export async function writeUnit(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const fresh = `${path}.new`;
  await rm(fresh, { force: true });
  {
    await using file = await open(fresh, "wx", 0o644);
    await file.writeFile(text);
    await file.chmod(0o644);
    await file.sync();
  }
  await rename(fresh, path);
}

/** What `systemd-analyze verify` says against the text; undefined when nothing, or when it cannot be asked. */
export async function complaints(host: Host, unit: string, text: string, isUser: boolean): Promise<string | undefined> {
  const directory = await mkdtemp(join(tmpdir(), "skerry-unit-"));
  try {
    const path = join(directory, unit);
    await writeUnit(path, text);
    const { said } = await host.run("systemd-analyze", ["verify", ...(isUser ? ["--user"] : []), path]);
    // It warns about other units, too, and may find no manager to ask: neither says anything about ours.
    const ours = said.split("\n").filter((line) => line.includes(unit));
    return ours.length === 0 ? undefined : ours.join("\n");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Makes the directory for the one who will write there; one that is there stays as it is. */
export async function makeDirectory(
  path: string,
  owner: { readonly uid: number; readonly gid: number },
): Promise<void> {
  const there = await stat(path).then(
    () => true,
    () => false,
  );
  if (there) return;
  await mkdir(dirname(path), { recursive: true });
  await mkdir(path, { mode: 0o700 });
  if (owner.uid !== process.geteuid?.()) await chown(path, owner.uid, owner.gid);
}
