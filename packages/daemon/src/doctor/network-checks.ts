/** The daemon, and the ports that the configuration names. */
import { isError } from "@skerry/core/domain/errors.ts";
import type { Address } from "../config/values.ts";
import { addressText } from "../config/values.ts";
import { systemCode } from "../data/failure.ts";
import { type Check, type Found, fault, ok, type Site, warning } from "./check.ts";
import { listenerAt } from "./listener.ts";

export const NETWORK_CHECKS: readonly Check[] = [
  { name: "daemon", run: checkDaemon },
  { name: "ports", run: checkPorts },
];

async function checkDaemon({ machine, config, layout, daemonPid }: Site): Promise<Found> {
  const socket = await machine.stat(layout.socketPath).catch((error: unknown) => {
    if (systemCode(error) === "EACCES") return undefined;
    throw error;
  });
  if (socket === undefined || daemonPid === undefined) {
    if ((await machine.stat(layout.clusterFile).catch(() => undefined)) === undefined) return ok("Not started yet");
    // As it was asked about here.
    const start = config.sources.data.kind === "flag" ? `skerry up --data ${layout.path}` : "skerry up";
    return warning(`No daemon runs on ${layout.path}`, `Start it: ${start}, or: systemctl start skerry`);
  }
  try {
    const { status, body } = await machine.ask(layout.socketPath, "/healthz/ready");
    if (status === 200) return ok(`Process ${daemonPid} is ready`);
    return fault(`Process ${daemonPid} is not ready: ${body.trim()}`, "skerry status and the daemon's log say more.");
  } catch (error) {
    const code = isError(error, "unavailable") ? "no answer" : (systemCode(error) ?? "no answer");
    return fault(
      `Process ${daemonPid} does not answer on ${layout.socketPath} (${code})`,
      `See its log; or end it: kill ${daemonPid}`,
    );
  }
}

/** Whatever in `listen` is an address, or a list of them. */
function addressesOf(listen: object): readonly (readonly [name: string, address: Address])[] {
  return Object.entries(listen).flatMap(([name, values]) =>
    [values].flat().flatMap((value: unknown) => {
      const { host, port } = (value ?? {}) as Partial<Address>;
      return typeof host === "string" && typeof port === "number" ? [[name, { host, port }] as const] : [];
    }),
  );
}

async function checkPorts({ machine, config, daemonPid }: Site): Promise<Found[]> {
  const found: Found[] = [];
  for (const [name, address] of addressesOf(config.listen)) {
    const place = `${addressText(address)} (listen.${name})`;
    if (address.port === 0) {
      found.push(ok(`${place}: any free port`));
      continue;
    }
    const code = await machine.tryListen(address);
    if (code === undefined) found.push(ok(`${place} is free`));
    else if (code === "EADDRINUSE") found.push(await whoHolds(machine, place, name, address, daemonPid));
    else if (code === "EACCES") {
      const todo = `Run it as root, choose a port from 1024 on, or: sysctl net.ipv4.ip_unprivileged_port_start=${address.port}`;
      found.push(fault(`${place} needs a right that this user lacks`, todo));
    } else found.push(fault(`${place} cannot be used (${code})`, `Choose another: --listen-${name} HOST:PORT`));
  }
  return found;
}

async function whoHolds(
  machine: Site["machine"],
  place: string,
  name: string,
  address: Address,
  daemonPid: number | undefined,
): Promise<Found> {
  const holder = await listenerAt(machine, address);
  // Its workers listen for it.
  if (holder !== undefined && daemonPid !== undefined && (await isOf(machine, holder.pid, daemonPid))) {
    return ok(`${place} is the daemon's`);
  }
  const who = holder === undefined ? "a process that this user cannot see" : `process ${holder.pid} (${holder.name})`;
  const stop = holder === undefined ? "Stop it" : `Stop it (kill ${holder.pid})`;
  return fault(`${place} is held by ${who}`, `${stop}, or choose another: --listen-${name} HOST:PORT`);
}

/** The process itself, or a child of it. */
async function isOf(machine: Site["machine"], pid: number, daemonPid: number): Promise<boolean> {
  for (let current = pid, depth = 0; current > 1 && depth < 8; depth++) {
    if (current === daemonPid) return true;
    const status = await machine.text(`/proc/${current}/status`);
    current = Number(/^PPid:\s+(\d+)$/m.exec(status ?? "")?.[1] ?? 0);
  }
  return false;
}
