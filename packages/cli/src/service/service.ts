/** Installs, removes and shows the systemd unit of the daemon. Doing it twice changes nothing. */
import { rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { type Account, findAccount } from "./accounts.ts";
import { complaints, type Host, makeDirectory, readUnit, writeUnit } from "./host.ts";
import { MARKER, unitText } from "./unit.ts";

export interface ServiceOptions {
  readonly host: Host;
  /** Without `.service`. */
  readonly name: string;
  /** Of this user's manager, not of the system's. */
  readonly isUser: boolean;
}

export interface InstallOptions extends ServiceOptions {
  readonly program: string;
  readonly data?: string;
  readonly config?: string;
  readonly listenApi?: string;
  readonly storageDirectories: readonly string[];
  /** Name of the account; default: the owner of the data directory, else who installs it. */
  readonly runAs?: string;
  readonly engine: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Unit {
  readonly path: string;
  readonly text: string;
  readonly data: string;
  /** Of the system's units. */
  readonly account?: Account;
  readonly writes: readonly string[];
}

const SYSTEM_DATA = "/var/lib/skerry";

/** What would be installed. @throws `invalid`, `not_found` (the account). */
export async function planUnit(options: InstallOptions): Promise<Unit> {
  const { host, isUser, program, engine, env } = options;
  assertName(options.name);
  const home = join(env["HOME"] || homedir(), ".local", "share", "skerry");
  const data = resolve(options.data ?? (isUser ? home : SYSTEM_DATA));
  const storage = options.storageDirectories.flatMap((list) => list.split(",")).map((path) => resolve(path));
  const argv = [
    ...["--data", data, "--log-format", "json"],
    ...(options.config === undefined ? [] : ["--config", resolve(options.config)]),
    ...(options.listenApi === undefined ? [] : ["--listen-api", options.listenApi]),
    ...storage.flatMap((path) => ["--storage-dir", path]),
  ];
  const writes = [data, ...storage];
  const account = isUser ? undefined : await accountFor(options, data);
  const runAs = account === undefined ? {} : { runAs: account.name };
  const text = unitText({ program, argv, writes, engine, ...runAs });
  const path = join(isUser ? host.userUnits : host.systemUnits, `${options.name}.service`);
  return { path, text, data, writes, ...(account === undefined ? {} : { account }) };
}

async function accountFor({ runAs, host, env }: InstallOptions, data: string): Promise<Account> {
  if (runAs !== undefined) return findAccount({ name: runAs });
  const there = await stat(data).catch(() => undefined);
  if (there !== undefined) return findAccount({ uid: there.uid });
  const sudo = env["SUDO_USER"];
  return host.uid === 0 && sudo !== undefined && sudo !== ""
    ? findAccount({ name: sudo })
    : findAccount({ uid: host.uid });
}

function assertName(name: string): void {
  if (/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) return;
  throw new SkerryError("invalid", `${JSON.stringify(name)} is no name for a unit.`, {
    hint: "Use lower-case letters, digits and dashes, e.g. skerry.",
  });
}

/** @throws `unsupported/platform` without systemd, `forbidden` without the right. */
async function assertManaged({ host, isUser }: ServiceOptions, what: string): Promise<void> {
  if (!(await host.hasSystemd())) {
    throw new SkerryError("unsupported/platform", `This machine is not run by systemd, so ${what}.`, {
      hint: "Let its own supervisor run skerryd. skerry service install --dry-run shows the unit all the same.",
    });
  }
  if (isUser || host.uid === 0) return;
  throw new SkerryError("forbidden", "Units of the system are root's to change.", {
    hint: "Use sudo, or --user for a unit of your own.",
  });
}

export interface Installed {
  readonly unit: string;
  readonly result: "created" | "updated" | "unchanged";
}

/**
 * @throws `unsupported/platform`, `forbidden`, `conflict/exists` (a unit of that name which is not ours), `internal` (systemd
 * refuses it, with its words).
 */
export async function installService(options: InstallOptions & { readonly start: boolean }): Promise<Installed & Unit> {
  await assertManaged(options, "no service can be installed");
  const { host, name, isUser, start } = options;
  const unit = await planUnit(options);
  const before = await readUnit(unit.path);
  assertOurs(before, unit.path);
  const wrong = await complaints(host, `${name}.service`, unit.text, isUser);
  if (wrong !== undefined) {
    throw new SkerryError("internal", `systemd does not take the unit: ${wrong}`, { hint: "Please report this." });
  }
  const owner = unit.account ?? { uid: host.uid, gid: host.uid };
  for (const directory of unit.writes) await makeDirectory(directory, owner);
  const result = before === undefined ? "created" : before === unit.text ? "unchanged" : "updated";
  if (result !== "unchanged") await writeUnit(unit.path, unit.text);
  await systemctl(options, ["daemon-reload"]);
  await systemctl(options, ["enable", ...(start ? ["--now"] : []), `${name}.service`]);
  return { ...unit, unit: `${name}.service`, result };
}

/** The data stays. @throws `not_found`, and as `installService`. */
export async function uninstallService(options: ServiceOptions): Promise<{ readonly path: string }> {
  assertName(options.name);
  await assertManaged(options, "there is no service of it");
  const { host, name, isUser } = options;
  const path = join(isUser ? host.userUnits : host.systemUnits, `${name}.service`);
  const before = await readUnit(path);
  if (before === undefined) {
    throw new SkerryError("not_found", `There is no unit ${path}.`, { hint: "skerry service install makes one." });
  }
  assertOurs(before, path);
  await systemctl(options, ["disable", "--now", `${name}.service`]);
  await rm(path);
  await systemctl(options, ["daemon-reload"]);
  return { path };
}

export interface ServiceStatus {
  readonly unit: string;
  readonly path: string;
  readonly installed: boolean;
  /** Of systemd: `active (running)`. */
  readonly state: string;
  readonly startsAtBoot: boolean;
  readonly pid?: number;
  /** How it ended the last time; absent while it runs. */
  readonly lastStatus?: number;
}

/** @throws `unsupported/platform`. */
export async function serviceStatus(options: ServiceOptions): Promise<ServiceStatus> {
  assertName(options.name);
  await assertManaged({ ...options, isUser: true }, "there is no service of it");
  const { host, name, isUser } = options;
  const path = join(isUser ? host.userUnits : host.systemUnits, `${name}.service`);
  const shown = ["ActiveState", "SubState", "UnitFileState", "MainPID", "ExecMainStatus"];
  const text = await systemctl(options, ["show", `${name}.service`, `--property=${shown.join(",")}`]);
  const found = new Map(text.split("\n").map((line) => [line.replace(/=.*/s, ""), line.replace(/^[^=]*=/, "")]));
  const pid = Number(found.get("MainPID") ?? 0);
  const lastStatus = Number(found.get("ExecMainStatus") ?? 0);
  return {
    unit: `${name}.service`,
    path,
    installed: (await readUnit(path)) !== undefined,
    state: `${found.get("ActiveState") ?? "unknown"} (${found.get("SubState") ?? "unknown"})`,
    startsAtBoot: found.get("UnitFileState") === "enabled",
    ...(pid > 0 ? { pid } : { lastStatus }),
  };
}

function assertOurs(text: string | undefined, path: string): void {
  if (text === undefined || text.startsWith(MARKER.slice(0, MARKER.indexOf(".")))) return;
  throw new SkerryError("conflict/exists", `The unit ${path} was not made by skerry service install.`, {
    hint: "Choose another name: --name NAME. Or move that file away.",
  });
}

/** @throws `unavailable` with what it said. */
async function systemctl({ host, isUser }: ServiceOptions, argv: readonly string[]): Promise<string> {
  const all = [...(isUser ? ["--user"] : []), ...argv];
  const { status, said } = await host.run("systemctl", all);
  if (status === 0) return said;
  throw new SkerryError("unavailable", `systemctl ${all.join(" ")} failed: ${said || `status ${status}`}`, {
    hint: isUser ? "Is there a session of this user? loginctl enable-linger" : "journalctl -xe says more.",
  });
}
