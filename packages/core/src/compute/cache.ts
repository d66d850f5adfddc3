/** All containers and their states, in memory, kept by a watch. The gateway's answers come from here. */

import type { Container, ContainerEndpoint, ContainerEndpoints, ContainerStatus } from "../domain/compute.ts";
import { isError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock } from "../domain/ports.ts";
import { resourceKey } from "../domain/resource.ts";
import type { Store } from "../domain/store.ts";
import type { Logger } from "../domain/telemetry.ts";

import { type NetworkRef, networkOf } from "./names.ts";

const CONTAINER_PREFIX = "/container/";
const STATUS = "/status";

/** The status lies under its resource's key, so that one watch sees both. Names have no slash. */
export function statusKey(key: string): string {
  return key + STATUS;
}

/** The key of the container whose status has this key; undefined for any other key. */
export function statusOwner(key: string): string | undefined {
  return key.endsWith(STATUS) && key.split("/").length === 5 ? key.slice(0, -STATUS.length) : undefined;
}

interface Known {
  container?: Container;
  status?: ContainerStatus;
}

export interface CacheOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** After a container came, changed or went; not for its status. */
  readonly onChange: (key: string) => void;
}

/** What a route says of a container that does not answer, before why. */
const STATE_TEXTS: Readonly<Record<ContainerStatus["state"], string>> = {
  pending: "the container has not started yet",
  running: "the container has no address yet",
  restarting: "the container ended and is started again",
  exited: "the container has ended",
  stopped: "the container is stopped",
  failed: "the container cannot be started",
  unknown: "the state of the container is unknown",
};

export class ContainerCache implements ContainerEndpoints, AsyncDisposable {
  readonly #options: CacheOptions;
  readonly #known = new Map<string, Known>();
  readonly #keys = new Map<string, string>();
  readonly #listeners = new Set<(projectUid: string, name: string) => void>();
  readonly #stop = new AbortController();
  #following: Promise<void> = Promise.resolve();

  constructor(options: CacheOptions) {
    this.#options = options;
  }

  /** Resolves when it holds what is there. */
  async start(): Promise<void> {
    const revision = await this.#list();
    this.#following = this.#follow(revision);
  }

  /** Keys of all containers. */
  keys(): readonly string[] {
    return [...this.#known].filter(([, { container }]) => container !== undefined).map(([key]) => key);
  }

  /** Networks that have any. */
  networks(): readonly NetworkRef[] {
    return [...this.#known.values()].flatMap(({ container }) =>
      container === undefined ? [] : [networkOf(container)],
    );
  }

  /** Whether one is declared with this image. */
  hasImage(id: string): boolean {
    return [...this.#known.values()].some(({ container }) => container?.spec.imageId === id);
  }

  keyOf(uid: string): string | undefined {
    return this.#keys.get(uid);
  }

  find(projectUid: string, name: string): ContainerEndpoint | undefined {
    const { container, status } = this.#known.get(resourceKey("container", projectUid, name)) ?? {};
    if (container === undefined) return undefined;
    if (container.meta.deletingSince !== undefined) return { state: "down", reason: "it is being removed" };
    if (status?.state === "running" && status.address !== undefined)
      return { state: "running", address: status.address };
    const reason = status?.reason === undefined ? "" : `: ${status.reason}`;
    return { state: "down", reason: `${STATE_TEXTS[status?.state ?? "pending"]}${reason}` };
  }

  /** Of one that is declared. */
  statusOf(projectUid: string, name: string): ContainerStatus | undefined {
    return this.#known.get(resourceKey("container", projectUid, name))?.status;
  }

  subscribe(listener: (projectUid: string, name: string) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }

  async #follow(first: number): Promise<void> {
    const { store, clock, log } = this.#options;
    const { signal } = this.#stop;
    let revision = first;
    while (!signal.aborted) {
      try {
        for await (const event of store.watch({ prefix: CONTAINER_PREFIX, from: revision + 1, signal })) {
          revision = event.revision;
          if (event.type === "put") this.#set(event.entry.key, event.entry.value);
          else if (event.type === "delete") this.#set(event.key, undefined);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!isError(error, "conflict/compacted"))
          log.warn({ error }, "the watch of containers broke and begins again");
      }
      if (signal.aborted) return;
      await clock.sleep(LIMITS.compute.engineRetryMs, signal).catch(() => undefined);
      revision = await this.#list().catch(() => revision);
    }
  }

  /** What is there now replaces what was known. */
  async #list(): Promise<number> {
    const gone = new Set(this.#known.keys());
    let after: string | undefined;
    let revision: number | undefined;
    do {
      const page = await this.#options.store.list({
        prefix: CONTAINER_PREFIX,
        ...(after === undefined ? {} : { after }),
        ...(revision === undefined ? {} : { revision }),
      });
      for (const { key, value } of page.entries) {
        gone.delete(statusOwner(key) ?? key);
        this.#set(key, value);
      }
      after = page.next;
      revision = page.revision;
    } while (after !== undefined);
    for (const key of gone) this.#set(key, undefined);
    return revision;
  }

  #set(changed: string, value: unknown): void {
    const owner = statusOwner(changed);
    const isStatus = owner !== undefined;
    const key = owner ?? changed;
    const known = this.#known.get(key) ?? {};
    if (isStatus) {
      if (value === undefined) delete known.status;
      else known.status = value as ContainerStatus;
    } else {
      if (known.container !== undefined) this.#keys.delete(known.container.meta.uid);
      if (value === undefined) delete known.container;
      else known.container = value as Container;
      if (known.container !== undefined) this.#keys.set(known.container.meta.uid, key);
    }
    if (known.container === undefined && known.status === undefined) this.#known.delete(key);
    else this.#known.set(key, known);
    const [, , project = "", name = ""] = key.split("/");
    for (const listener of this.#listeners) listener(project, name);
    if (!isStatus) this.#options.onChange(key);
  }
}
