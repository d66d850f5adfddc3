/** A container engine in memory: containers run until they are told to end. */
import type {
  ContainerPlan,
  ContainerUsage,
  Engine,
  EngineContainer,
  EngineImage,
  EngineNetwork,
  Exec,
  ExecPlan,
} from "../compute/engine.ts";
import type { Firewall } from "../compute/firewall.ts";
import type { ContainerLimits } from "../domain/compute.ts";
import { SkerryError } from "../domain/errors.ts";

interface SimContainer {
  readonly plan: ContainerPlan;
  readonly address: string;
  limits: ContainerLimits;
  state: EngineContainer["state"];
  exitCode: number;
  outOfMemory: boolean;
  starts: number;
  said: string;
}

/** A command that was started. */
export interface SimExec {
  readonly plan: ExecPlan;
  readonly sizes: (readonly [columns: number, rows: number])[];
  /** Bytes of its input. */
  received: number;
  ended: boolean;
}

/** Guards nothing, and remembers what it was asked to. */
export class SimFirewall implements Firewall {
  readonly guarded = new Set<string>();

  guard(bridges: readonly string[]): Promise<void> {
    for (const bridge of bridges) this.guarded.add(bridge);
    return Promise.resolve();
  }

  release(bridge: string): Promise<void> {
    this.guarded.delete(bridge);
    return Promise.resolve();
  }
}

export class SimEngine implements Engine {
  /** By name. */
  readonly made = new Map<string, SimContainer>();
  readonly nets = new Map<string, EngineNetwork>();
  readonly volumes = new Map<string, Readonly<Record<string, string>>>();
  /** Container and path -> tar, as it was written there. */
  readonly files = new Map<string, Buffer>();
  readonly execs: SimExec[] = [];
  readonly tags = new Map<string, string>();
  /** Ids of images that have lost their last name. */
  readonly untagged = new Set<string>();
  /** What goes wrong with the next calls of `startContainer`. */
  failStarts = 0;
  /** The kernel takes no other limits now. */
  refusesLimits = false;
  /** A command `deaf` takes its input when this has resolved. */
  slow: Promise<void> = Promise.resolve();
  /** How often it was asked for anything. */
  calls = 0;
  #down = false;
  #ends = 0;
  #serial = 0;
  readonly #listeners = new Set<(labels: Readonly<Record<string, string>> | undefined) => void>();

  get down(): boolean {
    return this.#down;
  }

  /** Nothing answers, and nothing runs any more. */
  stop(): void {
    this.#down = true;
    for (const one of this.made.values()) if (one.state === "running") this.#end(one, 137);
    for (const tell of this.#listeners) tell(undefined);
    this.#listeners.clear();
  }

  resume(): void {
    this.#down = false;
  }

  /** It ends by itself. */
  end(name: string, exitCode: number, options: { said?: string; outOfMemory?: boolean } = {}): void {
    const one = this.#get(name);
    one.said = options.said ?? one.said;
    one.outOfMemory = options.outOfMemory ?? false;
    this.#end(one, exitCode);
    this.#tell(one);
  }

  async describe(): Promise<string> {
    this.#up();
    return "simulated";
  }

  async containers(label: string, value: string) {
    this.#up();
    return [...this.made]
      .filter(([, { plan }]) => plan.labels[label] === value)
      .map(([name, { plan }]) => ({ name, labels: { ...plan.labels } }));
  }

  async container(id: string): Promise<EngineContainer | undefined> {
    this.#up();
    const one = this.made.get(id);
    if (one === undefined) return undefined;
    const { plan, state, exitCode, outOfMemory, address, limits } = one;
    const running = state === "running";
    const ports = plan.publish.map(({ port, hostAddress }) => [String(port), `${hostAddress}:${30_000 + port}`]);
    return {
      ...{ id, labels: plan.labels, state, exitCode, outOfMemory, error: "", limits },
      ...(running ? { address } : {}),
      ports: running ? Object.fromEntries(ports) : {},
      ...(state === "exited" ? { finishedAt: new Date(this.#ends).toISOString() } : {}),
    };
  }

  async createContainer(plan: ContainerPlan): Promise<string> {
    this.#up();
    if (![...this.tags.values(), ...this.untagged].includes(plan.imageId)) throw missing(`image ${plan.imageId}`);
    if (this.made.has(plan.engineName)) throw new SkerryError("conflict", `${plan.engineName} is there.`);
    if (!this.nets.has(plan.network)) throw missing(`network ${plan.network}`);
    const address = `10.199.0.${2 + (this.#serial++ % 250)}`;
    const fresh = { exitCode: 0, outOfMemory: false, starts: 0, said: "" };
    const { cpu, memoryBytes, pids } = plan;
    this.made.set(plan.engineName, { plan, address, limits: { cpu, memoryBytes, pids }, state: "created", ...fresh });
    return plan.engineName;
  }

  async startContainer(id: string): Promise<void> {
    this.#up();
    const one = this.#get(id);
    if (this.failStarts > 0) {
      this.failStarts--;
      throw new SkerryError("unavailable/upstream", "The engine failed at the container.");
    }
    one.state = "running";
    one.starts++;
    this.#tell(one);
  }

  async limitContainer(id: string, limits: ContainerLimits): Promise<void> {
    this.#up();
    if (this.refusesLimits) throw new SkerryError("unavailable/upstream", "The memory is in use.");
    this.#get(id).limits = limits;
  }

  async stopContainer(id: string): Promise<void> {
    this.#up();
    const one = this.made.get(id);
    if (one?.state !== "running") return;
    this.#end(one, 143);
    this.#tell(one);
  }

  async removeContainer(id: string): Promise<void> {
    this.#up();
    this.made.delete(id);
  }

  async logs(id: string): Promise<AsyncIterable<Uint8Array>> {
    this.#up();
    const { said } = this.#get(id);
    return (async function* () {
      if (said !== "") yield Buffer.from(said);
    })();
  }

  async readFiles(id: string, path: string): Promise<AsyncIterable<Uint8Array>> {
    this.#up();
    const empty = path === "/" ? Buffer.alloc(1024) : undefined;
    const found = this.files.get(`${this.#get(id).plan.engineName}:${path}`) ?? empty;
    if (found === undefined) throw missing(`file ${path}`);
    return (async function* () {
      yield found;
    })();
  }

  async writeFiles(id: string, folder: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
    this.#up();
    const parts = await Array.fromAsync(tar);
    this.files.set(`${this.#get(id).plan.engineName}:${folder}`, Buffer.concat(parts));
  }

  async usage(): Promise<ContainerUsage> {
    this.#up();
    return { cpu: 0.25, memoryBytes: 1, memoryLimitBytes: 2, pids: 1, receivedBytes: 0, sentBytes: 0 };
  }

  /** Says what it is told until the end of its input, then ends with the last byte as its exit code. */
  async exec(id: string, plan: ExecPlan): Promise<Exec> {
    this.#up();
    if (this.#get(id).state !== "running") throw new SkerryError("conflict", "It does not run.");
    const one: SimExec = { plan, sizes: [], received: 0, ended: false };
    this.execs.push(one);
    const { slow } = this;
    const input: (Uint8Array | undefined)[] = [];
    let wake = () => {};
    let code = 0;
    const put = (bytes: Uint8Array | undefined) => {
      input.push(bytes);
      wake();
    };
    return {
      output: (async function* () {
        yield { stream: "stderr" as const, bytes: Buffer.from(plan.command.join(" ")) };
        for (;;) {
          while (input.length === 0) await new Promise<void>((resolve) => (wake = resolve));
          const bytes = input.shift();
          if (bytes === undefined) return;
          code = bytes.at(-1) ?? 0;
          yield { stream: "stdout" as const, bytes };
        }
      })(),
      async write(bytes) {
        if (plan.command[0] === "deaf") await slow;
        one.received += bytes.length;
        put(bytes.slice());
      },
      endInput: () => put(undefined),
      resize: async (columns, rows) => void one.sizes.push([columns, rows]),
      exitCode: async () => code,
      [Symbol.dispose]() {
        one.ended = true;
        put(undefined);
      },
    };
  }

  async images(): Promise<readonly EngineImage[]> {
    this.#up();
    return this.#images();
  }

  #images(): EngineImage[] {
    return [...Map.groupBy(this.tags, ([, id]) => id)].map(([id, tags]) => ({
      id,
      tags: tags.map(([tag]) => tag),
      sizeBytes: 1,
      createdAt: "2026-01-01T00:00:00.000Z",
    }));
  }

  async image(reference: string): Promise<EngineImage | undefined> {
    this.#up();
    const found = this.#images().find(({ id, tags }) => id === reference || tags.includes(reference));
    if (found !== undefined || !this.untagged.has(reference)) return found;
    return { id: reference, tags: [], sizeBytes: 1, createdAt: "2026-01-01T00:00:00.000Z" };
  }

  /** Any image is called as its manifest says. */
  async loadImage(tar: AsyncIterable<Uint8Array>): Promise<void> {
    this.#up();
    const parts: Uint8Array[] = [];
    for await (const part of tar) parts.push(part);
    const tag = /"RepoTags":\["([^"]*)"\]/.exec(Buffer.concat(parts).toString("latin1"))?.[1];
    if (tag === undefined) throw new SkerryError("invalid", "The engine refuses the image.");
    const before = this.tags.get(tag);
    if (before !== undefined) this.untagged.add(before);
    this.tags.set(tag, `sha256:${String(this.#serial++).padStart(64, "0")}`);
  }

  async removeImage(tag: string): Promise<void> {
    this.#up();
    if ([...this.made.values()].some(({ plan }) => plan.imageId === tag)) throw new SkerryError("conflict", "In use.");
    this.untagged.delete(tag);
    this.tags.delete(tag);
  }

  async networks(): Promise<readonly EngineNetwork[]> {
    this.#up();
    return [...this.nets.values()];
  }

  async createNetwork(network: EngineNetwork): Promise<void> {
    this.#up();
    this.nets.set(network.name, network);
  }

  async removeNetwork(name: string): Promise<void> {
    this.#up();
    this.nets.delete(name);
  }

  async createVolume(name: string, labels: Readonly<Record<string, string>>): Promise<void> {
    this.#up();
    this.volumes.set(name, labels);
  }

  async removeVolume(name: string): Promise<void> {
    this.#up();
    this.volumes.delete(name);
  }

  async events(label: string, value: string, signal: AbortSignal) {
    this.#up();
    const queue: (Readonly<Record<string, string>> | undefined)[] = [];
    let wake = () => {};
    const tell = (labels: Readonly<Record<string, string>> | undefined) => {
      if (labels !== undefined && labels[label] !== value) return;
      queue.push(labels);
      wake();
    };
    this.#listeners.add(tell);
    signal.addEventListener("abort", () => tell(undefined), { once: true });
    const listeners = this.#listeners;
    return (async function* () {
      try {
        for (;;) {
          while (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve));
          const labels = queue.shift();
          if (labels === undefined) return;
          yield labels;
        }
      } finally {
        listeners.delete(tell);
      }
    })();
  }

  #get(id: string): SimContainer {
    const one = this.made.get(id);
    if (one === undefined) throw missing(`container ${id}`);
    return one;
  }

  #end(one: SimContainer, exitCode: number): void {
    one.state = "exited";
    one.exitCode = exitCode;
    this.#ends++;
  }

  #tell({ plan }: SimContainer): void {
    for (const tell of [...this.#listeners]) tell(plan.labels);
  }

  #up(): void {
    this.calls++;
    if (this.#down) throw new SkerryError("unavailable", "The simulated engine is down.");
  }
}

function missing(what: string): SkerryError {
  return new SkerryError("not_found", `There is no ${what}.`);
}
