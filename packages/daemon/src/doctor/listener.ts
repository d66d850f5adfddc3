/** Who listens on a port of this machine: /proc/net/tcp names the socket's inode, /proc/PID/fd who has it open. */
import type { Address } from "../config/values.ts";
import type { Machine } from "./machine.ts";

export interface Holder {
  readonly pid: number;
  readonly name: string;
}

const LISTEN = "0A";

/** Undefined when nobody does, or its files are another user's. */
export async function listenerAt(machine: Machine, { port }: Address): Promise<Holder | undefined> {
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of ((await machine.text(table)) ?? "").split("\n").slice(1)) {
      const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
      if (state === LISTEN && Number.parseInt(local.split(":")[1] ?? "", 16) === port) inodes.add(`socket:[${inode}]`);
    }
  }
  if (inodes.size === 0) return undefined;
  for (const pid of await machine.names("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    for (const fd of await machine.names(`/proc/${pid}/fd`)) {
      if (!inodes.has((await machine.link(`/proc/${pid}/fd/${fd}`)) ?? "")) continue;
      return { pid: Number(pid), name: ((await machine.text(`/proc/${pid}/comm`)) ?? "?").trim() };
    }
  }
  return undefined;
}
