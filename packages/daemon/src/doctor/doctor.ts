/** `skerry doctor`: looks at this machine, with the daemon up or down, and changes nothing. */
import { homedir } from "node:os";
import { join } from "node:path";
import type { Finding } from "@skerry/core/contract/present/doctor.ts";
import { isError, toSkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { assertEnoughStorage, type Config, loadConfig } from "../config/load.ts";
import { systemCode } from "../data/failure.ts";
import { layoutOf } from "../data/layout.ts";
import { type Check, fault, type Site, warning } from "./check.ts";
import { DATA_CHECKS } from "./data-checks.ts";
import { ENGINE_CHECKS } from "./engine-check.ts";
import { type Machine, realMachine } from "./machine.ts";
import { NETWORK_CHECKS } from "./network-checks.ts";
import { SYSTEM_CHECKS } from "./system-checks.ts";

export const CHECKS: readonly Check[] = [...SYSTEM_CHECKS, ...DATA_CHECKS, ...NETWORK_CHECKS, ...ENGINE_CHECKS];

export interface DoctorOptions {
  /** As of `skerryd`. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Tests: answers that are faults. */
  readonly machine?: Machine;
}

export interface Diagnosis {
  readonly findings: readonly Finding[];
  /** Where the API of this machine's daemon is. */
  readonly socketPath?: string;
}

/** Never throws for what it finds; a check that fails itself is a finding. */
export async function diagnose(options: DoctorOptions): Promise<Diagnosis> {
  const machine = options.machine ?? realMachine;
  let site: Site;
  try {
    const config = await loadConfig({ argv: options.argv, env: options.env, homeDir: homedir(), isTty: false });
    assertEnoughStorage(config);
    site = await siteOf(config, machine);
  } catch (error) {
    const { message, hint } = toSkerryError(error);
    if (isError(toSkerryError(error), "internal")) throw error;
    return { findings: [{ check: "configuration", ...fault(message, hint ?? "See skerry up --help.") }] };
  }
  const findings: Finding[] = [
    {
      check: "configuration",
      state: "ok",
      what: site.config.file === undefined ? "No file; flags, variables and defaults" : site.config.file,
    },
  ];
  for (const check of CHECKS) findings.push(...(await runCheck(check, site)));
  return { findings, socketPath: site.layout.socketPath };
}

async function siteOf(config: Config, machine: Machine): Promise<Site> {
  const layout = layoutOf(config.data);
  const own = Array.from({ length: LIMITS.objects.replicas }, (_, i) => join(layout.storageDirectory, `s${i + 1}`));
  const storageDirectories = config.storage.directories.length > 0 ? config.storage.directories : own;
  const pid = Number((await machine.text(layout.pidFile))?.trim() ?? Number.NaN);
  // The file may be left from a process that is gone; one that waits for its parent to ask how it ended is gone, too.
  const status = Number.isSafeInteger(pid) ? await machine.text(`/proc/${pid}/status`) : undefined;
  const lives = status !== undefined && !/^State:\s+[ZX]/m.test(status);
  return { machine, config, layout, storageDirectories, daemonPid: lives ? pid : undefined };
}

async function runCheck({ name, run }: Check, site: Site): Promise<readonly Finding[]> {
  try {
    const found = await run(site);
    return [found].flat().map((one) => ({ check: name, ...one }));
  } catch (error) {
    const why = systemCode(error) ?? (error instanceof Error ? error.message : String(error));
    const found = warning(`This could not be looked at (${why})`, "Run it as the user of the daemon, or as root.");
    return [{ check: name, ...found }];
  }
}
