/** What containers need, put together: the services, the controller, and what keeps both awake. */
import type { ContainerEndpoints } from "../domain/compute.ts";
import { SkerryError } from "../domain/errors.ts";
import type { Job } from "../domain/jobs.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock, Random } from "../domain/ports.ts";
import type { Store } from "../domain/store.ts";
import type { Logger, Metrics } from "../domain/telemetry.ts";
import { ContainerCache } from "./cache.ts";
import { ContainerService } from "./containers.ts";
import { Converge, engineName } from "./converge.ts";
import type { Engine } from "./engine.ts";
import { EngineUse } from "./engine-use.ts";
import type { Firewall } from "./firewall.ts";
import { Images } from "./images.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import { CLUSTER_LABEL, UID_LABEL, volumeName } from "./names.ts";
import { ProjectNetworks } from "./networks.ts";
import { Undeclared } from "./undeclared.ts";
import { untilGone } from "./until-gone.ts";
import { type UsedKind, UsedResources } from "./used-resources.ts";

export interface ComputeOptions {
  readonly store: Store;
  readonly engine: Engine;
  readonly firewall: Firewall;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly cluster: string;
  /** Range of the projects' networks, e.g. `10.199.0.0/16`. */
  readonly pool: string;
  /** Where published ports answer. */
  readonly publishAddress: string;
  /** Ports of this machine on which we listen ourselves: no container gets one of them. */
  readonly ownPorts: readonly number[];
}

export interface Compute extends AsyncDisposable {
  readonly engine: Engine;
  readonly images: Images;
  readonly use: EngineUse;
  readonly containers: ContainerService;
  readonly volumes: UsedResources;
  /** Besides the one that each project has. */
  readonly networks: UsedResources;
  readonly endpoints: ContainerEndpoints;
  readonly jobs: readonly Job[];
  /** Begins to converge and to follow the engine: when we listen ourselves, so that no container takes our ports. */
  start(): void;
  /** What the engine calls the container. @throws `conflict` when it is not there (yet). */
  engineContainer(uid: string): Promise<string>;
  /** Waits until the container is gone from the store. @throws `unavailable` when it is not yet, with why. */
  untilGone(projectUid: string, name: string): Promise<void>;
  /** What is not as it should be, in sentences. */
  problems(): readonly string[];
}

/** Resolves when what is declared is known. Touches no engine. */
export async function createCompute(options: ComputeOptions): Promise<Compute> {
  const { store, engine, clock, log, cluster } = options;
  const projectNetworks = new ProjectNetworks(options);
  const images = new Images(engine, (id) => cache.hasImage(id));
  const use = new EngineUse({ store, images, networks: projectNetworks, log });
  const converge = new Converge({ ...options, networks: projectNetworks, images });
  const stop = new AbortController();
  const queue = convergeQueue(converge, options, stop.signal);
  let started = false;
  const cache = new ContainerCache({ store, clock, log, onChange: (key) => started && void queue.add(key) });
  await cache.start();
  options.metrics.gauge("skerry_containers", "Containers that are declared.", () => cache.keys().length);
  const all = () => Promise.all(cache.keys().map((key) => queue.add(key)));
  const volumes = new UsedResources(volumeKind(engine), options);
  const networks = new UsedResources(networkKind(projectNetworks), options);
  const undeclared = new Undeclared({ ...options, cache });
  let following: Promise<void> = Promise.resolve();
  return {
    engine,
    images,
    use,
    containers: new ContainerService({ ...options, images, volumes, networks, use }),
    volumes,
    networks,
    endpoints: cache,
    jobs: [
      {
        name: "compute.containers",
        summary: "Makes containers as they are declared",
        everyMs: LIMITS.compute.convergeEveryMs,
        run: async ({ progress }) => {
          if (!started) return;
          progress(`${cache.keys().length} containers`);
          await projectNetworks.guard(cache.networks());
          await all();
          await undeclared.look();
        },
      },
    ],
    start() {
      started = true;
      following = followEngine({ engine, clock, cluster, cache, queue, signal: stop.signal });
    },
    async engineContainer(uid) {
      const found = await engine.container(engineName(uid));
      if (found?.labels[CLUSTER_LABEL] === cluster) return found.id;
      throw new SkerryError("conflict", "The container has not been started yet.", {
        hint: "skerry ps says how it is.",
      });
    },
    untilGone: (projectUid, name) => untilGone(cache, clock, projectUid, name),
    problems: () => undeclared.problems(),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await cache[Symbol.asyncDispose]();
      const late = new AbortController();
      const stopped = Promise.all([following, queue.close()]);
      // What stops a container may take longer, and is done again after the start.
      await Promise.race([stopped, clock.sleep(LIMITS.jobs.stopMs, late.signal).catch(() => undefined)]);
      late.abort();
    },
  };
}

function volumeKind(engine: Engine): UsedKind {
  return {
    kind: "volume",
    mostOfProject: LIMITS.compute.maxVolumesPerProject,
    taken: [],
    isUsed: ({ volumes }, name) => volumes.some((mount) => mount.name === name),
    remove: ({ meta }) => engine.removeVolume(volumeName(meta.project, meta.name)),
  };
}

function networkKind(networks: ProjectNetworks): UsedKind {
  return {
    kind: "network",
    mostOfProject: LIMITS.compute.maxNetworksPerProject,
    // It would be taken for the one that each project has.
    taken: ["default"],
    isUsed: ({ network }, name) => network === name,
    remove: ({ meta }) => networks.remove(meta),
  };
}

/** A container that must be looked at again later has one alarm. */
function convergeQueue(converge: Converge, { clock, log }: ComputeOptions, stop: AbortSignal): KeyedQueue {
  const alarms = new Map<string, AbortController>();
  const queue: KeyedQueue = new KeyedQueue({
    most: LIMITS.compute.maxConverging,
    mostOfGroup: LIMITS.compute.maxConvergingOfProject,
    groupOf: (key) => key.split("/")[2] ?? "",
    work: async (key) => {
      alarms.get(key)?.abort();
      alarms.delete(key);
      const againMs = await converge.container(key);
      if (againMs === undefined) return;
      const alarm = new AbortController();
      alarms.set(key, alarm);
      clock.sleep(againMs, AbortSignal.any([stop, alarm.signal])).then(
        () => void queue.add(key),
        () => undefined,
      );
    },
    onError: (key, error) => log.error({ key, error }, "a container cannot be converged"),
  });
  return queue;
}

/** Each time that it answers again all are looked at: what happened meanwhile nobody has told. */
async function followEngine(parts: {
  engine: Engine;
  clock: Clock;
  cluster: string;
  cache: ContainerCache;
  queue: KeyedQueue;
  signal: AbortSignal;
}): Promise<void> {
  const { engine, clock, cluster, cache, queue, signal } = parts;
  const all = () => {
    for (const key of cache.keys()) void queue.add(key);
  };
  while (!signal.aborted) {
    // Who has no containers needs no engine, and does not load its client.
    await untilAny(cache, signal);
    if (signal.aborted) return;
    try {
      const events = await engine.events(CLUSTER_LABEL, cluster, signal);
      all();
      for await (const labels of events) {
        const key = cache.keyOf(labels[UID_LABEL] ?? "");
        if (key !== undefined) void queue.add(key);
      }
    } catch {
      // Told by the status of each container.
    }
    if (signal.aborted) return;
    all();
    await clock.sleep(LIMITS.compute.engineRetryMs, signal).catch(() => undefined);
  }
}

/** Resolves when there is a container, or the signal aborts. */
function untilAny(cache: ContainerCache, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (cache.keys().length === 0 && !signal.aborted) return;
      subscription[Symbol.dispose]();
      signal.removeEventListener("abort", look);
      resolve();
    };
    const subscription = cache.subscribe(look);
    signal.addEventListener("abort", look, { once: true });
    look();
  });
}
