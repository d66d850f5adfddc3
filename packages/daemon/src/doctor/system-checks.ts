/** Who runs it, on which Node, kernel and clock, and what the machine can do. */
import { join } from "node:path";
import { type Check, type Found, fault, ok, type Site, warning } from "./check.ts";

/** The major version that is tested. */
const NODE_MAJOR = 26;
/** A connection takes one, each chunk that is read or written three or four. */
const WANTED_OPEN_FILES = 4096;
/** Before that this program did not exist. */
const EARLIEST_MS = Date.UTC(2026, 0, 1);
/** Files of the store may be so much younger than now: the clock of a disk and of the system are read one after the other. */
const CLOCK_SLACK_MS = 2_000;

export const SYSTEM_CHECKS: readonly Check[] = [
  { name: "user", run: checkUser },
  { name: "node", run: checkNode },
  { name: "clock", run: checkClock },
  { name: "kernel", run: checkKernel },
  { name: "cgroups", run: checkCgroups },
  { name: "firewall", run: checkFirewall },
];

async function checkUser({ machine }: Site): Promise<Found> {
  const limits = (await machine.text("/proc/self/limits")) ?? "";
  const files = Number(/^Max open files\s+\d+\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  const who = machine.uid === 0 ? "root (uid 0)" : `uid ${machine.uid}`;
  if (files >= WANTED_OPEN_FILES) return ok(`This runs as ${who}`);
  const what = `${who} may open ${files} files, which many transfers at once exceed`;
  return warning(what, `ulimit -n ${WANTED_OPEN_FILES}, or LimitNOFILE= in the service`);
}

async function checkNode({ machine }: Site): Promise<Found> {
  const major = Number(machine.nodeVersion.split(".")[0]);
  if (major === NODE_MAJOR) return ok(`Node ${machine.nodeVersion}`);
  const what = `This is Node ${machine.nodeVersion}, and Skerry is tested with ${NODE_MAJOR}`;
  return (major < NODE_MAJOR ? fault : warning)(what, "npm ci in the checkout brings the right one.");
}

async function checkClock({ machine, layout }: Site): Promise<Found> {
  const nowMs = machine.wallMs();
  const now = new Date(nowMs).toISOString();
  if (nowMs < EARLIEST_MS) return fault(`The clock says ${now}`, "Set it: timedatectl set-ntp true");
  const young = await Promise.all(
    [layout.clusterFile, layout.storeFile, join(layout.indexDirectory, "index.sqlite")].map((path) =>
      machine.stat(path),
    ),
  );
  const newestMs = Math.max(...young.map((file) => file?.modifiedMs ?? 0));
  if (newestMs > nowMs + CLOCK_SLACK_MS) {
    const what = `The clock says ${now}, and data was written at ${new Date(newestMs).toISOString()}: it was set back`;
    return fault(what, "Set it right: tokens and sessions live longer than they should. timedatectl set-ntp true");
  }
  const synced = (await machine.run("timedatectl", ["show", "-p", "NTPSynchronized", "--value"]))?.trim();
  if (synced === "no") return warning(`${now}; it is not kept right over the network`, "timedatectl set-ntp true");
  return ok(synced === "yes" ? `${now}, kept right over the network` : `${now}; whether it is kept right is not known`);
}

async function checkKernel({ machine }: Site): Promise<Found> {
  const release = ((await machine.text("/proc/sys/kernel/osrelease")) ?? "unknown").trim();
  const code = await machine.tryListen({ host: "127.0.0.1", port: 0, reusePort: true });
  if (code === undefined) return ok(`Linux ${release}; several processes can share a port`);
  return fault(`Linux ${release} lets no two processes share a port (${code})`, "Use a kernel from 3.9 on.");
}

const CONTROLLERS = ["cpu", "memory", "pids"];

async function checkCgroups({ machine }: Site): Promise<Found> {
  const controllers = await machine.text("/sys/fs/cgroup/cgroup.controllers");
  const todo = "Boot with systemd.unified_cgroup_hierarchy=1. Only containers need it.";
  const version = controllers === undefined ? 1 : 2;
  // The older version has a directory for each.
  const there = controllers === undefined ? await machine.names("/sys/fs/cgroup") : controllers.split(/\s+/);
  const missing = CONTROLLERS.filter((name) => !there.includes(name));
  if (missing.length === 0) return ok(`cgroup version ${version} with ${CONTROLLERS.join(", ")}`);
  if (missing.length === CONTROLLERS.length) return warning("There are no cgroups: containers get no limits", todo);
  return warning(`cgroup version ${version} without ${missing.join(", ")}: containers get no such limit`, todo);
}

async function checkFirewall({ machine }: Site): Promise<Found> {
  const loaded = (await machine.stat("/sys/module/nf_tables")) !== undefined;
  const program = await machine.run("nft", ["--version"]);
  if (program !== undefined) return ok(program.trim().split("\n")[0] ?? "nft");
  const legacy = await machine.run("iptables", ["--version"]);
  if (legacy !== undefined) return ok(legacy.trim());
  const what = `Neither nft nor iptables is here${loaded ? ", though the kernel can filter" : ""}`;
  return warning(what, "apt-get install nftables. Only containers need it.");
}
