/** Who takes part: our worker, the peers that are installed, and the upstream behind all. */
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { PEERS, type Ports, upstreamProgram } from "./gateway-peers.ts";
import { end, freePort, isInstalled, OTHER_CORE, PROXY_CORE, type Program, start } from "./gateway-processes.ts";
import { ownProgram } from "./gateway-worker.ts";

export interface Contender {
  readonly name: string;
  readonly ports: Ports;
  readonly program: Program;
  child: ChildProcess;
}

/** `unlogged`: ours without an access log, too. */
export async function startAll(folder: string, unlogged: boolean): Promise<Contender[]> {
  const upstream = await freePort();
  await start(await upstreamProgram(join(folder, "upstream"), upstream), OTHER_CORE, upstream);
  const portsOf = async (): Promise<Ports> => {
    return { plain: await freePort(), tls: await freePort(), tcp: await freePort(), upstream };
  };
  const contenders: Contender[] = [];
  const add = async (name: string, ports: Ports, program: Program) => {
    contenders.push({ name, ports, program, child: await start(program, PROXY_CORE, ports.plain) });
  };
  const ports = await portsOf();
  await add("ours", ports, ownProgram(ports, join(folder, "ours")));
  if (unlogged) {
    const others = await portsOf();
    await add("ours-unlogged", others, ownProgram(others, undefined));
  }
  for (const [name, { command, make }] of Object.entries(PEERS)) {
    if (!(await isInstalled(command))) {
      console.log(`${name} is not installed: left out`);
      continue;
    }
    const ports = await portsOf();
    await add(name, ports, await make(join(folder, name), ports));
  }
  return contenders;
}

/** A fresh process in its place. */
export async function restart(contender: Contender): Promise<void> {
  await end(contender.child);
  contender.child = await start(contender.program, PROXY_CORE, contender.ports.plain);
}
