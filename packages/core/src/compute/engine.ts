/**
 * The container engine as this feature needs it: a small port over Docker's. All methods throw `unsupported` when there is
 * no engine here and `unavailable` when it does not answer.
 */

import type { ContainerLimits } from "../domain/compute.ts";

/** What a container of ours is made with. Everything that is not said here is the same for all of them. */
export interface ContainerPlan extends ContainerLimits {
  readonly engineName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly hostname: string;
  readonly imageId: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Name of the engine's network, and how others in it find the container. */
  readonly network: string;
  readonly alias: string;
  readonly volumes: readonly { readonly engineName: string; readonly path: string }[];
  readonly publish: readonly { readonly port: number; readonly hostPort: number; readonly hostAddress: string }[];
}

export interface EngineContainer {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: "created" | "running" | "exited";
  readonly exitCode: number;
  readonly outOfMemory: boolean;
  /** What the engine says of a start that failed. */
  readonly error: string;
  readonly limits: ContainerLimits;
  readonly address?: string;
  /** Port of the container -> `HOST:PORT`. */
  readonly ports: Readonly<Record<string, string>>;
  readonly startedAt?: string;
  readonly finishedAt?: string;
}

export interface EngineImage {
  /** `sha256:...` */
  readonly id: string;
  /** `repository:tag` */
  readonly tags: readonly string[];
  readonly sizeBytes: number;
  readonly createdAt: string;
}

export interface EngineNetwork {
  readonly name: string;
  /** `10.199.0.0/28` */
  readonly subnets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface LogOptions {
  readonly follow: boolean;
  /** Lines from the end; absent: all that is kept. */
  readonly tail?: number;
  /** Seconds since the epoch. */
  readonly sinceSeconds?: number;
  readonly timestamps: boolean;
  readonly signal: AbortSignal;
}

export interface ContainerUsage {
  /** Cores in use, over the last second. */
  readonly cpu: number;
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
  readonly pids: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

export interface ExecPlan {
  readonly command: readonly string[];
  readonly tty: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** A command that runs in a container. */
export interface Exec extends Disposable {
  /** What it says, in order. Ends when it has ended. */
  readonly output: AsyncIterable<{ readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array }>;
  /** Resolves when more may be written. */
  write(bytes: Uint8Array): Promise<void>;
  /** Half-close: it reads the end of its input. */
  endInput(): void;
  resize(columns: number, rows: number): Promise<void>;
  /** After the output has ended. */
  exitCode(): Promise<number>;
}

export interface Engine {
  /** For people: `Docker 20.10.24`. */
  describe(): Promise<string>;
  /** All that carry the label with this value, also those that do not run. */
  containers(
    label: string,
    value: string,
  ): Promise<readonly { readonly name: string; readonly labels: Readonly<Record<string, string>> }[]>;
  /** By id or name. */
  container(id: string): Promise<EngineContainer | undefined>;
  /** Resolves with its id. @throws `not_found` (image), `conflict/exists` (name). */
  createContainer(plan: ContainerPlan): Promise<string>;
  startContainer(id: string): Promise<void>;
  /** Whether it runs or not. @throws `unavailable/upstream` when the kernel does not take them. */
  limitContainer(id: string, limits: ContainerLimits): Promise<void>;
  /** SIGTERM, then SIGKILL. Nothing when it does not run, or is not there. */
  stopContainer(id: string, graceSeconds: number): Promise<void>;
  /** Kills it if need be. Nothing when it is not there. */
  removeContainer(id: string): Promise<void>;
  /** The text that it wrote, stdout and stderr as they came. @throws `not_found`. */
  logs(id: string, options: LogOptions): Promise<AsyncIterable<Uint8Array>>;
  /** A file or folder as a tar; whether it runs or not. Ends with the signal. @throws `not_found`. */
  readFiles(id: string, path: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** Into a folder that is there. @throws `not_found`, `invalid`. */
  writeFiles(id: string, folder: string, tar: AsyncIterable<Uint8Array>): Promise<void>;
  usage(id: string): Promise<ContainerUsage>;
  /** @throws `not_found`, `conflict` when the container does not run. */
  exec(id: string, plan: ExecPlan): Promise<Exec>;

  images(): Promise<readonly EngineImage[]>;
  /** By id or tag. */
  image(reference: string): Promise<EngineImage | undefined>;
  /** A tar as `docker save` writes it. @throws `invalid` when the engine refuses it. */
  loadImage(tar: AsyncIterable<Uint8Array>): Promise<void>;
  /** Takes the tag away, and the image with its last one. @throws `conflict` while a container uses it, `not_found`. */
  removeImage(tag: string): Promise<void>;

  networks(): Promise<readonly EngineNetwork[]>;
  /** @throws `conflict` when the subnet overlaps another one. */
  createNetwork(network: EngineNetwork & { readonly bridge: string }): Promise<void>;
  removeNetwork(name: string): Promise<void>;

  createVolume(name: string, labels: Readonly<Record<string, string>>): Promise<void>;
  /** Nothing when it is not there. @throws `conflict` while a container uses it. */
  removeVolume(name: string): Promise<void>;

  /** Labels of containers to which something happens, from now on. Ends with the signal; throws when the engine goes. */
  events(label: string, value: string, signal: AbortSignal): Promise<AsyncIterable<Readonly<Record<string, string>>>>;
}
