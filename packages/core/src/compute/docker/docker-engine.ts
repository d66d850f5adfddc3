/** The port `Engine` over Docker's API, by dockerode. */
import { Readable } from "node:stream";
import type { ContainerCreateOptions, ContainerInspectInfo, ContainerStats } from "dockerode";
import { SkerryError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Clock } from "../../domain/ports.ts";
import type {
  ContainerPlan,
  ContainerUsage,
  Engine,
  EngineContainer,
  EngineImage,
  EngineNetwork,
  LogOptions,
} from "../engine.ts";
import { DockerCaller, isNoRoom, noRoom } from "./caller.ts";
import { execIn } from "./exec.ts";
import { filesOf } from "./files.ts";
import { readFrames } from "./frames.ts";
import { lines } from "./lines.ts";
import { createOptions, limitOptions, toLimits } from "./security.ts";

/** Nothing is asked of it before it is needed: an engine may come later. */
export function createDockerEngine(options: { socketPath: string; clock: Clock }): Engine {
  const caller = new DockerCaller(options);
  return {
    ...general(caller),
    ...containers(caller),
    ...filesOf(caller),
    ...images(caller),
    ...networks(caller),
    ...volumes(caller),
  };
}

function general(caller: DockerCaller): Pick<Engine, "describe" | "events"> {
  return {
    async describe() {
      const { Version } = await caller.call("version", (docker) => docker.version());
      return `Docker ${Version}`;
    },
    async events(label, value, signal) {
      // Not those of commands and health checks: a container could make any number of them.
      const event = ["create", "start", "die", "oom", "destroy", "pause", "unpause", "update"];
      const filters = JSON.stringify({ type: ["container"], event, label: [`${label}=${value}`] });
      const body = await caller.stream("events", "/events", { filters }, signal);
      return (async function* () {
        for await (const line of lines(caller.readable(body, signal))) {
          yield labelsOf(line);
        }
        if (!signal.aborted) throw caller.gone(new Error("the events ended"));
      })();
    },
  };
}

/** Of an event. None of what cannot be read: an image's own labels may be longer than any line. */
function labelsOf(line: string): Readonly<Record<string, string>> {
  try {
    const event = JSON.parse(line) as { Actor?: { Attributes?: Record<string, string> } } | null;
    return event?.Actor?.Attributes ?? {};
  } catch {
    return {};
  }
}

function containers(
  caller: DockerCaller,
): Pick<
  Engine,
  | "containers"
  | "container"
  | "createContainer"
  | "startContainer"
  | "limitContainer"
  | "stopContainer"
  | "removeContainer"
  | "logs"
  | "usage"
  | "exec"
> {
  const inspect = (id: string) =>
    caller.find(`container ${id}`, (docker, abortSignal) => docker.getContainer(id).inspect({ abortSignal }));
  return {
    async containers(label, value) {
      const filters = { label: [`${label}=${value}`] };
      const found = await caller.call("containers", (docker, abortSignal) =>
        docker.listContainers({ all: true, filters, abortSignal }),
      );
      return found.map(({ Id, Names, Labels }) => ({ name: Names[0]?.replace(/^\//, "") ?? Id, labels: Labels }));
    },
    async container(id) {
      const info = await inspect(id);
      return info && toContainer(info);
    },
    async createContainer(plan: ContainerPlan) {
      const options: ContainerCreateOptions = createOptions(plan);
      return (await caller.call("container", (docker) => docker.createContainer(options))).id;
    },
    async startContainer(id) {
      await caller.call("container", (docker, abortSignal) => docker.getContainer(id).start({ abortSignal }));
    },
    async limitContainer(id, limits) {
      await caller.call("container", (docker) => docker.getContainer(id).update(limitOptions(limits)));
    },
    async stopContainer(id, graceSeconds) {
      const timeoutMs = LIMITS.compute.engineCallMs + graceSeconds * 1000;
      await ignoreMissing(
        caller.call("container", (docker) => docker.getContainer(id).stop({ t: graceSeconds }), timeoutMs),
      );
    },
    async removeContainer(id) {
      await ignoreMissing(
        caller.call("container", (docker) => docker.getContainer(id).remove({ force: true, v: true })),
      );
    },
    async logs(id, options) {
      return readLogs(caller, id, options);
    },
    async usage(id) {
      const stats = await caller.call("container", (docker) => docker.getContainer(id).stats({ stream: false }));
      return toUsage(stats);
    },
    exec: (id, plan) => execIn(caller, id, plan),
  };
}

async function readLogs(caller: DockerCaller, id: string, options: LogOptions): Promise<AsyncIterable<Uint8Array>> {
  const { follow, tail, sinceSeconds, timestamps, signal } = options;
  const query = {
    ...{ follow, timestamps, stdout: true, stderr: true },
    ...(tail === undefined ? {} : { tail }),
    ...(sinceSeconds === undefined ? {} : { since: sinceSeconds }),
  };
  const body = await caller.stream("container", `/containers/${id}/logs`, query, signal);
  return (async function* () {
    for await (const { bytes } of readFrames(caller.readable(body, signal))) yield bytes;
    // An engine that is stopped ends the stream as if there were no more to say.
    if (follow && !signal.aborted) await caller.call("version", (docker) => docker.ping());
  })();
}

function toContainer(info: ContainerInspectInfo): EngineContainer {
  const { State: state, NetworkSettings: network } = info;
  const address = Object.values(network.Networks)
    .map(({ IPAddress }) => IPAddress)
    .find((one) => one !== "");
  const ports: Record<string, string> = {};
  for (const [port, bindings] of Object.entries(network.Ports ?? {})) {
    const [first] = (bindings ?? []) as { HostIp: string; HostPort: string }[];
    if (first !== undefined) ports[port.replace("/tcp", "")] = `${first.HostIp}:${first.HostPort}`;
  }
  return {
    id: info.Id,
    labels: info.Config.Labels,
    state: state.Running ? "running" : state.Status === "created" ? "created" : "exited",
    exitCode: state.ExitCode,
    outOfMemory: state.OOMKilled,
    error: state.Error,
    limits: toLimits(info.HostConfig),
    ...(address === undefined || !state.Running ? {} : { address }),
    ports,
    ...time("startedAt", state.StartedAt),
    ...time("finishedAt", state.FinishedAt),
  };
}

/** Docker says the year 1 for never. */
function time<K extends string>(key: K, text: string): { [P in K]?: string } {
  const ms = Date.parse(text);
  return ms > 0 ? ({ [key]: new Date(ms).toISOString() } as { [P in K]?: string }) : {};
}

function toUsage({
  cpu_stats: cpu,
  precpu_stats: before,
  memory_stats: memory,
  ...stats
}: ContainerStats): ContainerUsage {
  const used = cpu.cpu_usage.total_usage - before.cpu_usage.total_usage;
  const passed = cpu.system_cpu_usage - (before.system_cpu_usage ?? 0);
  const networks = Object.values(stats.networks ?? {});
  // The page cache can be given back: it is not what the container needs.
  const cache = (memory.stats as { inactive_file?: number; total_inactive_file?: number } | undefined) ?? {};
  return {
    cpu: passed > 0 ? (used / passed) * (cpu.online_cpus || 1) : 0,
    memoryBytes: Math.max(0, (memory.usage ?? 0) - (cache.total_inactive_file ?? cache.inactive_file ?? 0)),
    memoryLimitBytes: memory.limit ?? 0,
    pids: stats.pids_stats?.current ?? 0,
    receivedBytes: networks.reduce((sum, { rx_bytes }) => sum + rx_bytes, 0),
    sentBytes: networks.reduce((sum, { tx_bytes }) => sum + tx_bytes, 0),
  };
}

function images(caller: DockerCaller): Pick<Engine, "images" | "image" | "loadImage" | "removeImage"> {
  return {
    async images() {
      const found = await caller.call("images", (docker, abortSignal) => docker.listImages({ abortSignal }));
      return found.map(
        ({ Id, RepoTags, Size, Created }): EngineImage => ({
          id: Id,
          tags: (RepoTags ?? []).filter((tag) => !tag.startsWith("<none>")),
          sizeBytes: Size,
          createdAt: createdAt(Created * 1000),
        }),
      );
    },
    async image(reference) {
      const found = await caller.find(`image ${reference}`, (docker) => docker.getImage(reference).inspect());
      if (found === undefined) return undefined;
      return {
        id: found.Id,
        tags: found.RepoTags ?? [],
        sizeBytes: found.Size,
        createdAt: createdAt(Date.parse(found.Created)),
      };
    },
    async loadImage(tar) {
      const said = await caller.call(
        "image",
        async (docker, abortSignal) => {
          const input = Readable.from(tar, { signal: abortSignal });
          let text = "";
          for await (const part of await docker.loadImage(input as unknown as string, { quiet: true })) text += part;
          return text;
        },
        LIMITS.compute.loadImageMs,
      );
      // It answers 200 before it has looked, and says afterwards what is wrong.
      const error = /"error":("(?:[^"\\]|\\.)*")/.exec(said)?.[1];
      if (error === undefined) return;
      const why = JSON.parse(error) as string;
      if (isNoRoom(why)) throw noRoom("image", why);
      throw new SkerryError("invalid", `The container engine refuses the image: ${why}`);
    },
    async removeImage(tag) {
      await caller.call(`image`, (docker) => docker.getImage(tag).remove());
    },
  };
}

/** An image need not say when it was made: then `ms` is no number, or of the year 1. */
function createdAt(ms: number): string {
  return new Date(Math.max(ms || 0, 0)).toISOString();
}

function networks(caller: DockerCaller): Pick<Engine, "networks" | "createNetwork" | "removeNetwork"> {
  return {
    async networks() {
      const found = await caller.call("networks", (docker, abortSignal) => docker.listNetworks({ abortSignal }));
      return found.map(
        ({ Name, IPAM, Labels }): EngineNetwork => ({
          name: Name,
          subnets: (IPAM?.Config ?? []).flatMap(({ Subnet }) => (Subnet === undefined ? [] : [Subnet])),
          labels: Labels ?? {},
        }),
      );
    },
    async createNetwork({ name, subnets, labels, bridge }) {
      const options = {
        ...{ Name: name, Driver: "bridge", CheckDuplicate: true, EnableIPv6: false, Labels: { ...labels } },
        IPAM: { Driver: "default", Config: subnets.map((Subnet) => ({ Subnet })) },
        Options: { "com.docker.network.bridge.name": bridge },
      };
      try {
        await caller.call("network", (docker) => docker.createNetwork(options));
      } catch (error) {
        // 403 or 500, by version.
        if (!(error instanceof SkerryError) || !/overlaps|already exists/.test(error.message)) throw error;
        throw new SkerryError("conflict", error.message, { cause: error });
      }
    },
    async removeNetwork(name) {
      await ignoreMissing(caller.call("network", (docker) => docker.getNetwork(name).remove()));
    },
  };
}

function volumes(caller: DockerCaller): Pick<Engine, "createVolume" | "removeVolume"> {
  return {
    async createVolume(name, labels) {
      await caller.call("volume", (docker) => docker.createVolume({ Name: name, Labels: { ...labels } }));
    },
    async removeVolume(name) {
      await ignoreMissing(caller.call("volume", (docker) => docker.getVolume(name).remove()));
    },
  };
}

async function ignoreMissing(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof SkerryError) || !error.is("not_found")) throw error;
  }
}
