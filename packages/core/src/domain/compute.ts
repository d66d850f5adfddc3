/** Containers and what belongs to them, and the port through which the gateway finds them. */
import type { Resource } from "./resource.ts";

export const RESTARTS = ["always", "on-failure", "never"] as const;
export type Restart = (typeof RESTARTS)[number];

export interface VolumeMount {
  /** Name of a volume of the same project. */
  readonly name: string;
  /** Where it appears in the container: an absolute path. */
  readonly path: string;
}

export interface PublishedPort {
  /** TCP port in the container. */
  readonly port: number;
  /** TCP port of this machine; 0 = any that is free, another one after each start. */
  readonly hostPort: number;
}

/** What a container may use. They change while it runs. */
export interface ContainerLimits {
  /** Cores, e.g. 0.5. */
  readonly cpu: number;
  readonly memoryBytes: number;
  /** Processes and threads at once. */
  readonly pids: number;
}

export interface ContainerSpec extends ContainerLimits {
  /** As it was named. */
  readonly image: string;
  /** `sha256:...`: what the name meant when the container was created. */
  readonly imageId: string;
  /** It was the project's own then, not one of the engine for everyone. */
  readonly ownImage?: boolean;
  /** Empty: what the image says. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly volumes: readonly VolumeMount[];
  /** Name of a network of the same project; absent: the one that each project has. */
  readonly network?: string;
  /** Which one the name meant when the container was created. */
  readonly networkUid?: string;
  readonly publish: readonly PublishedPort[];
  /** After it ended by itself. */
  readonly restart: Restart;
  /** False: stopped on purpose. */
  readonly running: boolean;
  /** The generation in which it was last asked to run; absent: the first. Other changes do not start what has ended. */
  readonly runGeneration?: number;
}

/**
 * pending     will be started
 * running     runs
 * restarting  ended, and is started again after a pause
 * exited      ended, and stays so
 * stopped     stopped on purpose
 * failed      cannot be started; it is tried again
 * unknown     the engine does not answer
 */
export const CONTAINER_STATES = ["pending", "running", "restarting", "exited", "stopped", "failed", "unknown"] as const;
export type ContainerState = (typeof CONTAINER_STATES)[number];

export interface ContainerStatus {
  readonly state: ContainerState;
  /** Why, for people; absent when there is nothing to say. */
  readonly reason?: string;
  /** The generation of the spec that was last started, or found running. */
  readonly startedGeneration: number;
  /** Starts after it had ended by itself. */
  readonly restarts: number;
  /** Of the last end. 128 + n: killed by signal n. */
  readonly exitCode?: number;
  /** The last end came from the memory limit. */
  readonly outOfMemory?: boolean;
  /** Those that hold; only while it runs. */
  readonly limits?: ContainerLimits;
  /** IPv4, in the project's network; only while it runs. */
  readonly address?: string;
  /** `HOST:PORT` of this machine for each published port, while it runs. */
  readonly ports?: Readonly<Record<string, string>>;
  /** ISO 8601. */
  readonly startedAt?: string;
  readonly finishedAt?: string;
  /** What it said last before it ended. Raw: escape before it is shown. */
  readonly lastLines?: readonly string[];
}
export type Container = Resource<ContainerSpec, ContainerStatus>;

/** Volumes (files that outlive containers) and networks (whose containers reach one another). They say nothing besides their name yet. */
export type UsedResource = Resource<Readonly<Record<string, never>>>;

/** Where a container can be reached. */
export type ContainerEndpoint =
  | { readonly state: "running" /** IPv4. */; readonly address: string }
  | { readonly state: "down" /** For people. */; readonly reason: string };

/** The port through which the gateway finds containers. Answered from memory. */
export interface ContainerEndpoints {
  /** Undefined: the project has no container of that name. */
  find(projectUid: string, name: string): ContainerEndpoint | undefined;
  /** Called after each change of any answer of `find`. */
  subscribe(listener: (projectUid: string, name: string) => void): Disposable;
}
