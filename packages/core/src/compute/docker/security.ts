/** What every container is made with, whatever its owner asks for. */
import type { ContainerCreateOptions, HostConfig } from "dockerode";
import type { ContainerLimits } from "../../domain/compute.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { ContainerPlan } from "../engine.ts";

/** Docker counts cores in units of 1e-9. */
const NANO = 1e9;

export function limitOptions({ cpu, memoryBytes, pids }: ContainerLimits) {
  // Swap the same: none besides.
  return { PidsLimit: pids, Memory: memoryBytes, MemorySwap: memoryBytes, NanoCpus: Math.round(cpu * NANO) };
}

/** What the engine says of them. */
export function toLimits(host: Pick<HostConfig, "PidsLimit" | "Memory" | "NanoCpus">): ContainerLimits {
  return { cpu: (host.NanoCpus ?? 0) / NANO, memoryBytes: host.Memory ?? 0, pids: host.PidsLimit ?? 0 };
}

export function createOptions(plan: ContainerPlan): ContainerCreateOptions {
  const ports = plan.publish.map(({ port, hostPort, hostAddress }) => {
    const binding = { HostIp: hostAddress, HostPort: hostPort === 0 ? "" : String(hostPort) };
    return [`${port}/tcp`, [binding]] as const;
  });
  return {
    name: plan.engineName,
    Image: plan.imageId,
    Hostname: plan.hostname,
    Labels: { ...plan.labels },
    ...(plan.command.length === 0 ? {} : { Cmd: [...plan.command] }),
    Env: Object.entries(plan.env).map(([name, value]) => `${name}=${value}`),
    // Of the image's own nobody is told, and it could begin a thousand commands a second.
    Healthcheck: { Test: ["NONE"] },
    ExposedPorts: Object.fromEntries(ports.map(([port]) => [port, {}])),
    NetworkingConfig: { EndpointsConfig: { [plan.network]: { Aliases: [plan.alias] } } },
    HostConfig: {
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      Privileged: false,
      ...limitOptions(plan),
      IpcMode: "private",
      // Passes SIGTERM on and reaps: most programs do neither as the first process.
      Init: true,
      NetworkMode: plan.network,
      PortBindings: Object.fromEntries(ports),
      // By name only, and made by us: nothing of the machine's own files is ever mounted.
      Mounts: plan.volumes.map(({ engineName, path }) => ({ Type: "volume", Source: engineName, Target: path })),
      // The controller restarts it.
      RestartPolicy: { Name: "no" },
      LogConfig: {
        Type: "json-file",
        Config: { "max-size": String(LIMITS.compute.logFileBytes), "max-file": String(LIMITS.compute.logFiles) },
      },
    },
  };
}
