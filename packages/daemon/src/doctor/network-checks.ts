/** The daemon, and the ports that the configuration names. */
import { isError } from "@skerry/core/domain/errors.ts";
import type { Address } from "../config/values.ts";
import { addressText } from "../config/values.ts";
import { systemCode } from "../data/failure.ts";
import { type Check, type Found, fault, ok, type Site, startOf, warning } from "./check.ts";
import { listenerAt } from "./listener.ts";

export const NETWORK_CHECKS: readonly Check[] = [
  { name: "daemon", run: checkDaemon },
  { name: "ports", run: checkPorts },
];

const LOOK_AS_DAEMON = "Run skerry doctor as the user of the daemon, or as root.";

async function checkDaemon(site: Site): Promise<Found> {
  const { machine, config, layout, daemonPid } = site;
  if (await isHidden(site)) {
    return warning(
      `Whether a daemon runs on ${layout.path} is for others to see: it is another user's`,
      LOOK_AS_DAEMON,
    );
  }
  const socket = await machine.stat(layout.socketPath);
  if (socket === undefined || daemonPid === undefined) {
    if ((await machine.stat(layout.clusterFile)) === undefined) return ok("Not started yet");
    // As it was asked about here.
    const start = config.sources.data.kind === "flag" ? `skerry up --data ${layout.path}` : "skerry up";
    const service = await startOf(machine, "skerry", "");
    const or = service === "" ? "" : `, or: ${service}`;
    return warning(`No daemon runs on ${layout.path}`, `Start it: ${start}${or}`);
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

async function checkPorts(site: Site): Promise<Found[]> {
  const { machine, config } = site;
  const found: Found[] = [];
  let asked: Promise<boolean> | undefined;
  const skerryAnswers = () => {
    asked ??= isSkerry(machine, config.listen.api);
    return asked;
  };
  for (const [name, address] of addressesOf(config.listen)) {
    const place = `${addressText(address)} (listen.${name})`;
    if (address.port === 0) {
      found.push(ok(`${place}: any free port`));
      continue;
    }
    const code = await machine.tryListen(address);
    if (code === undefined) found.push(ok(`${place} is free`));
    else if (code === "EADDRINUSE") found.push(await whoHolds(site, { place, name, address, skerryAnswers }));
    else if (code === "EACCES") {
      const todo = `Run it as root, choose a port from 1024 on, or: sysctl net.ipv4.ip_unprivileged_port_start=${address.port}`;
      found.push(fault(`${place} needs a right that this user lacks`, todo));
    } else found.push(fault(`${place} cannot be used (${code})`, `Choose another: --listen-${name} HOST:PORT`));
  }
  return found;
}

interface Port {
  /** As it is shown. */
  readonly place: string;
  readonly name: string;
  readonly address: Address;
  /** On the port of the API. Asked once. */
  skerryAnswers(): Promise<boolean>;
}

async function whoHolds(site: Site, { place, name, address, skerryAnswers }: Port): Promise<Found> {
  const { machine, daemonPid, layout } = site;
  const holder = await listenerAt(machine, address);
  // Its workers listen for it.
  if (holder !== undefined && daemonPid !== undefined && (await isOf(machine, holder.pid, daemonPid))) {
    return ok(`${place} is the daemon's`);
  }
  const another = `choose another: --listen-${name} HOST:PORT`;
  if (holder !== undefined) {
    const who = `process ${holder.pid} (${holder.name})`;
    return fault(`${place} is held by ${who}`, `Stop it (kill ${holder.pid}), or ${another}`);
  }
  const unseen = `${place} is held by a process that this user cannot see`;
  if (await isHidden(site)) {
    const what = `${unseen}; it may be the daemon of ${layout.path}, which is another user's`;
    return warning(what, LOOK_AS_DAEMON);
  }
  const { api } = site.config.listen;
  if (!(await skerryAnswers())) return fault(unseen, `Stop it, or ${another}`);
  const use = `To use that one: skerry login --url http://${addressText(api)}. For one of your own ${another}`;
  if (name === "api") return warning(`${place} answers as a Skerry, which another user runs`, use);
  return warning(`${unseen}; another user's Skerry answers at ${addressText(api)}, and may have it`, use);
}

/** Whether the daemon's files are another user's: whether one runs there cannot be told. */
async function isHidden({ machine, layout }: Site): Promise<boolean> {
  return machine.stat(layout.pidFile).then(
    () => false,
    (error: unknown) => systemCode(error) === "EACCES",
  );
}

/** Whatever else holds the port says something else, or nothing. */
async function isSkerry(machine: Site["machine"], api: Address): Promise<boolean> {
  const answer = await machine.ask(api, "/healthz/live").catch(() => undefined);
  return answer?.status === 200 && answer.body === "live\n";
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
