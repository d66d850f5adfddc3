/** Makes one container as it is declared, and says in its status what came of it. */
import type { Container, ContainerLimits, ContainerStatus } from "../domain/compute.ts";
import { isError, SkerryError, toSkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock } from "../domain/ports.ts";
import type { Json, Store } from "../domain/store.ts";
import type { Logger } from "../domain/telemetry.ts";
import { statusKey, statusOwner } from "./cache.ts";
import type { ContainerPlan, Engine, EngineContainer } from "./engine.ts";
import type { Images } from "./images.ts";
import { lastLines } from "./last-lines.ts";
import { CLUSTER_LABEL, networkOf, PROJECT_LABEL, UID_LABEL, volumeName } from "./names.ts";
import type { ProjectNetworks } from "./networks.ts";
import { Restarts } from "./restarts.ts";

export interface ConvergeOptions {
  readonly store: Store;
  readonly engine: Engine;
  readonly networks: ProjectNetworks;
  readonly images: Images;
  readonly clock: Clock;
  readonly log: Logger;
  readonly cluster: string;
  /** Where published ports answer. */
  readonly publishAddress: string;
}

type Change = Omit<Partial<ContainerStatus>, "state"> & Pick<ContainerStatus, "state">;

export class Converge {
  readonly #options: ConvergeOptions;
  readonly #restarts: Restarts;

  constructor(options: ConvergeOptions) {
    this.#options = options;
    this.#restarts = new Restarts(options.clock);
  }

  /** Resolves with the milliseconds after which it must be looked at again, if any. Never rejects for what it can tell. */
  async container(key: string): Promise<number | undefined> {
    const entry = await this.#options.store.get(key);
    if (entry === undefined) {
      this.#restarts.forget(key);
      return undefined;
    }
    const container = entry.value as unknown as Container;
    try {
      if (container.meta.deletingSince !== undefined) return await this.#remove(key, container);
      const heldMs = this.#restarts.heldMs(key, container.meta.generation);
      return heldMs > 0 ? heldMs : await this.#converge(key, container);
    } catch (thrown) {
      const error = toSkerryError(thrown);
      if (error.code === "internal")
        this.#options.log.error({ container: container.meta.uid, error: thrown }, "a container cannot be converged");
      const refused = isError(error, "unavailable/upstream");
      const lost = !refused && (isError(error, "unavailable") || isError(error, "unsupported"));
      await this.#tell(key, container, { state: lost ? "unknown" : "failed", reason: reasonWithHint(error) });
      // When the engine answers again all are looked at.
      return lost ? undefined : this.#restarts.failed(key, container.meta.generation);
    }
  }

  async #converge(key: string, container: Container): Promise<number | undefined> {
    const { engine } = this.#options;
    const { spec } = container;
    const found = await this.#ours(container);
    if (!spec.running) {
      if (found?.state === "running") await engine.stopContainer(found.id, LIMITS.compute.stopGraceSeconds);
      const now = found?.state === "running" ? await engine.container(found.id) : found;
      this.#restarts.forget(key);
      await this.#tell(key, container, { state: "stopped", ...ending(now) });
      return undefined;
    }
    if (found === undefined) return this.#start(key, container, await this.#create(container), false);
    if (found.state === "running") return this.#keep(key, container, found);
    await this.#limit(container, found);
    if (found.state === "created" || (await this.#started(key)) < (spec.runGeneration ?? 1)) {
      return this.#start(key, container, found.id, false);
    }
    return this.#ended(key, container, found);
  }

  /** It runs. Limits that the kernel does not take now, as less memory than is in use, are tried again. */
  async #keep(key: string, container: Container, found: EngineContainer): Promise<number | undefined> {
    this.#restarts.running(key);
    const change: Change = { state: "running", startedGeneration: container.meta.generation };
    try {
      const limits = await this.#limit(container, found);
      await this.#tell(key, container, { ...change, ...facts({ ...found, limits }) });
      return undefined;
    } catch (error) {
      if (!isError(error, "unavailable/upstream") && !isError(error, "invalid") && !isError(error, "conflict"))
        throw error;
      const reason = `it runs with the limits that it had: ${error.message}`;
      await this.#tell(key, container, { ...change, reason, ...facts(found) });
      return LIMITS.compute.convergeEveryMs;
    }
  }

  /** As they are declared. Resolves with them. */
  async #limit({ spec }: Container, { id, limits: now }: EngineContainer): Promise<ContainerLimits> {
    const limits = { cpu: spec.cpu, memoryBytes: spec.memoryBytes, pids: spec.pids };
    const same = now.cpu === limits.cpu && now.memoryBytes === limits.memoryBytes && now.pids === limits.pids;
    if (!same) await this.#options.engine.limitContainer(id, limits);
    return limits;
  }

  /** It has ended by itself. */
  async #ended(key: string, container: Container, found: EngineContainer): Promise<number | undefined> {
    const { restart } = container.spec;
    const lines = await lastLines(this.#options.engine, found.id, this.#options.clock);
    const end = { ...ending(found), ...(lines.length === 0 ? {} : { lastLines: lines }) };
    if (restart === "never" || (restart === "on-failure" && found.exitCode === 0 && !found.outOfMemory)) {
      await this.#tell(key, container, { state: "exited", reason: reasonOf(found), ...end });
      return undefined;
    }
    const waitMs = this.#restarts.waitMs(key, found.finishedAt ?? "");
    if (waitMs === 0) return this.#start(key, container, found.id, true, end);
    await this.#tell(key, container, { state: "restarting", reason: reasonOf(found), ...end });
    return waitMs;
  }

  async #create(container: Container): Promise<string> {
    const { engine, networks } = this.#options;
    const network = await networks.ensure(networkOf(container));
    const plan = this.#plan(container, network);
    const { [UID_LABEL]: _, ...labels } = plan.labels;
    for (const volume of plan.volumes) await engine.createVolume(volume.engineName, labels);
    try {
      return await engine.createContainer(plan);
    } catch (error) {
      if (!isError(error, "not_found")) throw error;
      const { image, imageId } = container.spec;
      throw new SkerryError(
        "not_found",
        `The image ${image} (${imageId.slice(0, 19)}) is not in the engine any more.`,
        {
          hint: "Load it again: skerry image load FILE",
        },
      );
    }
  }

  async #start(key: string, container: Container, id: string, again: boolean, end: Partial<ContainerStatus> = {}) {
    const { engine, networks } = this.#options;
    // The engine may have lost it, and the rules with it.
    await networks.ensure(networkOf(container));
    const restarts = (await this.#status(key))?.restarts ?? 0;
    await this.#startInEngine(id, !again);
    this.#restarts.started(key);
    const found = await engine.container(id);
    const change: Change = {
      state: found?.state === "running" ? "running" : "pending",
      startedGeneration: container.meta.generation,
      restarts: again ? restarts + 1 : 0,
      ...end,
      ...(found === undefined ? {} : facts(found)),
    };
    await this.#tell(key, container, change);
    // It may have ended before anybody listened.
    return found?.state === "running" ? undefined : 0;
  }

  /**
   * An engine that was killed in the middle of a start may refuse that container for ever after. One that it has never
   * run holds nothing, and is made anew the next time. `mayBeFresh`: it did not end by itself.
   */
  async #startInEngine(id: string, mayBeFresh: boolean): Promise<void> {
    const { engine } = this.#options;
    try {
      await engine.startContainer(id);
    } catch (error) {
      const refused = isError(error, "unavailable/upstream");
      const fresh = refused && mayBeFresh && (await engine.container(id))?.state === "created";
      if (fresh || (refused && /already exists/.test(error.message))) {
        await engine.removeContainer(id).catch(() => undefined);
      }
      throw error;
    }
  }

  /** First the engine's, then the declaration: what is gone from the store is gone. */
  async #remove(key: string, container: Container): Promise<undefined> {
    const { engine, networks, store } = this.#options;
    const found = await this.#ours(container);
    if (found?.state === "running") await engine.stopContainer(found.id, LIMITS.compute.removeGraceSeconds);
    if (found !== undefined) await engine.removeContainer(found.id);
    const { uid, project } = container.meta;
    const now = await store.get(key);
    if (now === undefined || (now.value as unknown as Container).meta.uid !== uid) return;
    await store.transact({
      compare: [{ key, modRevision: now.modRevision }],
      then: [
        { op: "delete", key },
        { op: "delete", key: statusKey(key) },
      ],
    });
    this.#restarts.forget(key);
    if (container.spec.ownImage) await this.#options.images.drop(container.spec.imageId);
    const ref = networkOf(container);
    const { entries } = await store.list({ prefix: `/container/${project}/` });
    const others = entries.filter((entry) => statusOwner(entry.key) === undefined);
    if (others.some(({ value }) => networkOf(value as unknown as Container).uid === ref.uid)) return;
    // In use again, or the engine is gone: the next one that goes takes it along, or the project.
    await networks.remove(ref).catch(() => undefined);
  }

  /** @throws `conflict` when another cloud has a container of that name. */
  async #ours({ meta }: Container): Promise<EngineContainer | undefined> {
    const found = await this.#options.engine.container(engineName(meta.uid));
    if (found === undefined || found.labels[CLUSTER_LABEL] === this.#options.cluster) return found;
    throw new SkerryError("conflict", `The engine has a container ${engineName(meta.uid)} that is not of this cloud.`);
  }

  #plan({ meta, spec }: Container, network: string): ContainerPlan {
    const { cluster, publishAddress } = this.#options;
    return {
      engineName: engineName(meta.uid),
      labels: { [CLUSTER_LABEL]: cluster, [UID_LABEL]: meta.uid, [PROJECT_LABEL]: meta.project },
      hostname: meta.name,
      alias: meta.name,
      network,
      imageId: spec.imageId,
      command: spec.command,
      env: spec.env,
      cpu: spec.cpu,
      memoryBytes: spec.memoryBytes,
      pids: spec.pids,
      volumes: spec.volumes.map(({ name, path }) => ({ engineName: volumeName(meta.project, name), path })),
      publish: spec.publish.map((port) => ({ ...port, hostAddress: publishAddress })),
    };
  }

  async #status(key: string): Promise<ContainerStatus | undefined> {
    return (await this.#options.store.get(statusKey(key)))?.value as unknown as ContainerStatus | undefined;
  }

  async #started(key: string): Promise<number> {
    return (await this.#status(key))?.startedGeneration ?? 0;
  }

  /** Written when it says something new, and only while the container is the one that was looked at. */
  async #tell(key: string, container: Container, change: Change): Promise<void> {
    const { store } = this.#options;
    const before = await this.#status(key);
    const next: ContainerStatus = {
      startedGeneration: before?.startedGeneration ?? 0,
      restarts: before?.restarts ?? 0,
      ...(before !== undefined && keepsEnd(change) ? endOf(before) : {}),
      ...change,
    };
    if (JSON.stringify(sorted(before)) === JSON.stringify(sorted(next))) return;
    const declared = await store.get(key);
    if (declared === undefined || (declared.value as unknown as Container).meta.uid !== container.meta.uid) return;
    await store.transact({
      compare: [{ key, modRevision: declared.modRevision }],
      then: [{ op: "put", key: statusKey(key), value: next as unknown as Json, labels: declared.labels }],
    });
  }
}

export function engineName(uid: string): string {
  return `skerry-${uid}`;
}

/** What a container said last is worth knowing also after it has been started again. */
function keepsEnd({ state }: Change): boolean {
  return state !== "pending";
}

function endOf({ exitCode, outOfMemory, finishedAt, lastLines: said }: ContainerStatus): Partial<ContainerStatus> {
  return {
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(outOfMemory === undefined ? {} : { outOfMemory }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
    ...(said === undefined ? {} : { lastLines: said }),
  };
}

function facts({ address, ports, startedAt, limits }: EngineContainer): Partial<ContainerStatus> {
  return {
    limits,
    ...(address === undefined ? {} : { address }),
    ...(Object.keys(ports).length === 0 ? {} : { ports }),
    ...(startedAt === undefined ? {} : { startedAt }),
  };
}

function ending(found: EngineContainer | undefined): Partial<ContainerStatus> {
  if (found === undefined || found.state !== "exited") return {};
  return {
    exitCode: found.exitCode,
    ...(found.outOfMemory ? { outOfMemory: true } : {}),
    ...(found.finishedAt === undefined ? {} : { finishedAt: found.finishedAt }),
  };
}

/** Nobody is there to be told what to do next but who reads the status. */
function reasonWithHint({ message, hint }: SkerryError): string {
  return hint === undefined ? message : `${message} ${hint}`;
}

function reasonOf({ exitCode, outOfMemory, error }: EngineContainer): string {
  if (error !== "") return error;
  if (outOfMemory) return "it needed more memory than it may have";
  return exitCode > 128 ? `it was killed by signal ${exitCode - 128}` : `it ended with exit code ${exitCode}`;
}

function sorted(status: ContainerStatus | undefined): unknown {
  return status && Object.entries(status).sort(([a], [b]) => (a < b ? -1 : 1));
}
