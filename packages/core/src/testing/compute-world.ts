/** Containers on a store and an engine in memory, with a clock that the test moves. */
import { type Compute, createCompute } from "../compute/compute.ts";
import { engineName } from "../compute/converge.ts";
import type { ContainerSpec, ContainerStatus } from "../domain/compute.ts";
import { CLOUD, newMeta, resourceKey } from "../domain/resource.ts";
import type { Json, Store } from "../domain/store.ts";
import { MemoryLog, openMemoryStore } from "../store/drivers/memory/memory.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";
import { SimEngine, SimFirewall } from "./sim-engine.ts";
import { createSimRandom, type SimRandom } from "./sim-random.ts";
import { createCollectingLogger, createCollectingMetrics } from "./sim-telemetry.ts";

const PROJECT_NAME = "alice";
/** A port on which Skerry itself listens. */
export const OWN_PORT = 7400;
/** Turns of the loop in which what is waited for must come: nothing here waits for the real clock. */
const MAX_TURNS = 2000;

export class ComputeWorld implements AsyncDisposable {
  readonly store: Store;
  readonly engine: SimEngine;
  readonly firewall: SimFirewall;
  readonly clock: FakeClock;
  readonly random: SimRandom;
  readonly cluster: string;
  readonly project: string;
  readonly compute: Compute;

  private constructor(
    parts: Pick<ComputeWorld, "store" | "engine" | "firewall" | "clock" | "random" | "cluster" | "project" | "compute">,
  ) {
    this.store = parts.store;
    this.engine = parts.engine;
    this.firewall = parts.firewall;
    this.clock = parts.clock;
    this.random = parts.random;
    this.cluster = parts.cluster;
    this.project = parts.project;
    this.compute = parts.compute;
  }

  static async create(options: { engine?: SimEngine; cluster?: string; seed?: number } = {}): Promise<ComputeWorld> {
    const { engine = new SimEngine(), cluster = "cluster", seed = cluster.length } = options;
    const clock = createFakeClock();
    const random = createSimRandom(seed);
    const store = openMemoryStore({ clock, random, memory: new MemoryLog({ clock, random }) });
    const meta = newMeta({ name: PROJECT_NAME, project: CLOUD }, { clock, random });
    const project = { kind: "project", meta, spec: { description: "" } };
    const key = resourceKey("project", CLOUD, PROJECT_NAME);
    await store.transact({ then: [{ op: "put", key, value: project as unknown as Json }] });
    engine.tags.set("busybox:latest", `sha256:${"1".repeat(64)}`);
    const firewall = new SimFirewall();
    const world = { store, engine, firewall, clock, random, cluster };
    const compute = await createCompute({
      ...world,
      log: createCollectingLogger(),
      metrics: createCollectingMetrics(),
      pool: "10.199.0.0/16",
      publishAddress: "127.0.0.1",
      ownPorts: [OWN_PORT],
    });
    compute.start();
    return new ComputeWorld({ ...world, project: meta.uid, compute });
  }

  create(name: string, spec: Partial<ContainerSpec> = {}) {
    const declared = { image: "busybox", ...spec };
    return this.compute.containers.create({ name, project: this.project, projectName: PROJECT_NAME, spec: declared });
  }

  /** Resolves when it runs. */
  async run(name: string, spec: Partial<ContainerSpec> = {}): Promise<void> {
    await this.create(name, spec);
    await this.until(name, ({ state }) => state === "running");
  }

  /** What the engine calls the container; without a name the only one. */
  engineName(name?: string): string {
    const [first = ""] = this.engine.made.keys();
    if (name === undefined) return first;
    return [...this.engine.made].find(([, { plan }]) => plan.hostname === name)?.[0] ?? engineName(name);
  }

  async status(name: string): Promise<ContainerStatus | undefined> {
    return (await this.compute.containers.find(this.project, name))?.container.status;
  }

  async until(name: string, holds: (status: ContainerStatus) => boolean): Promise<ContainerStatus> {
    let status: ContainerStatus | undefined;
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      status = await this.status(name);
      if (status !== undefined && holds(status)) return status;
      await new Promise((resolve) => setImmediate(resolve));
    }
    throw new Error(`${name} is ${JSON.stringify(status)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.compute[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
  }
}
