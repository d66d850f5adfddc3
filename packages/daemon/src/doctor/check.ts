/** What a check is: a name, and what it finds on this machine. */
import type { Finding } from "@skerry/core/contract/present/doctor.ts";
import type { Config } from "../config/load.ts";
import type { DataLayout } from "../data/layout.ts";
import type { Machine } from "./machine.ts";

export interface Site {
  readonly machine: Machine;
  readonly config: Config;
  readonly layout: DataLayout;
  /** Where replicas lie. */
  readonly storageDirectories: readonly string[];
  /** The process that runs on the data directory, by its own word; undefined: none lives. */
  readonly daemonPid: number | undefined;
}

export interface Check {
  readonly name: string;
  /** One finding or several; what cannot be found out is said, too. */
  run(site: Site): Promise<Found | readonly Found[]>;
}

/** `systemctl start docker`, where there is systemd. */
export async function startOf(machine: Machine, service: string, otherwise: string): Promise<string> {
  return (await machine.stat("/run/systemd/system")) === undefined ? otherwise : `systemctl start ${service}`;
}

export type Found = Omit<Finding, "check">;

export const ok = (what: string): Found => ({ state: "ok", what });
/** Something that this machine lacks or that could be better; the cloud works. */
export const warning = (what: string, todo: string): Found => ({ state: "warning", what, todo });
export const fault = (what: string, todo: string): Found => ({ state: "fault", what, todo });
